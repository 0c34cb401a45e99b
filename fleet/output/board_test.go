package output_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/output"
)

// terminal is the lines of a screen: it knows newlines, and the going up and clearing that a board does.
type terminal struct {
	mu    sync.Mutex
	lines []string
}

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text := string(p); text != ""; {
		var up int
		if n, _ := fmt.Sscanf(text, "\r\x1b[%dA\x1b[J", &up); n == 1 {
			s.lines = s.lines[:len(s.lines)-up]
			_, text, _ = strings.Cut(text, "\x1b[J")
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		s.lines, text = append(s.lines, line), rest
	}
	return len(p), nil
}

func (s *terminal) shows(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.lines); diff != "" {
		t.Error(diff)
	}
}

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s terminal
		begun := time.Now()
		b := output.NewBoard(&s, func() (int, int) { return 12, 5 }, func(now time.Time, most int) []string {
			return []string{fmt.Sprint("most ", most), fmt.Sprint("a long line since ", now.Sub(begun))}
		})
		time.Sleep(250 * time.Millisecond) // the bubble's clock
		synctest.Wait()
		s.shows(t, "most 3", "a long lin…")
		fmt.Fprintln(b, "n1: failed")
		s.shows(t, "n1: failed", "most 3", "a long lin…")
		time.Sleep(time.Second)
		synctest.Wait()
		s.shows(t, "n1: failed", "most 3", "a long lin…")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(b, "summary")
		s.shows(t, "n1: failed", "summary")
	})
}

func TestBoardOnNarrowerScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var raw bytes.Buffer
		columns := 40
		b := output.NewBoard(&raw, func() (int, int) { return columns, 9 }, func(time.Time, int) []string { return []string{strings.Repeat("x", 30)} })
		fmt.Fprintln(b, "first")
		columns = 10 // the line takes three rows now
		fmt.Fprintln(b, "second")
		b.Close()
		if !strings.Contains(raw.String(), "\x1b[3A") {
			t.Errorf("want three rows cleared, got %q", raw.String())
		}
	})
}
