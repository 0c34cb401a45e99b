package text

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/screen"
)

// terminal is a screen as far as the live part uses one: text, newlines, going up and clearing downwards. It scrolls at its lower end.
type terminal struct {
	mu            sync.Mutex // the printer writes from its own goroutine
	columns, rows int
	lines         []string // of the screen
	line          int
	gone          []string // scrolled away
}

func (s *terminal) size() (int, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.columns, s.rows
}

// resize breaks the lines anew, as terminals do that have become narrower.
func (s *terminal) resize(columns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.columns, s.lines, s.line = columns, nil, 0
	for _, l := range lines {
		s.print(l)
	}
}

func (s *terminal) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(text)
	for t := string(text); t != ""; {
		var up int
		switch {
		case strings.HasPrefix(t, "\x1b[J"):
			s.lines = s.lines[:s.line]
			t = t[3:]
		case strings.HasPrefix(t, "\r"):
			t = t[1:]
		case strings.HasPrefix(t, "\x1b["):
			if _, err := fmt.Sscanf(t, "\x1b[%dA", &up); err != nil {
				return 0, fmt.Errorf("unknown control %q", t)
			}
			if s.line -= up; s.line < 0 {
				return 0, fmt.Errorf("up beyond the screen: %d", s.line)
			}
			t = t[strings.IndexByte(t, 'A')+1:]
		default:
			line, rest, whole := strings.Cut(t, "\n")
			if !whole {
				return 0, fmt.Errorf("no whole line: %q", t)
			}
			t = rest
			s.print(line)
		}
	}
	return n, nil
}

// print puts a line, which takes several rows if it is too wide.
func (s *terminal) print(line string) {
	for {
		head := line
		for screen.Columns(head) > s.columns {
			r := []rune(head)
			head = string(r[:len(r)-1])
		}
		s.lines = append(s.lines[:s.line], head)
		if s.line++; s.line >= s.rows {
			s.gone = append(s.gone, s.lines[0])
			s.lines, s.line = s.lines[1:], s.line-1
		}
		if line = line[len(head):]; line == "" {
			return
		}
	}
}

func (s *terminal) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(append(slices.Clone(s.gone), s.lines...), "\n")
}

// TestLive goes by the clock of its bubble: its sleeps take no time.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &terminal{columns: 40, rows: 10}
		p := New(s, Options{Screen: s.size})
		r := &report.Report{Mode: report.Converge, Resources: 3}
		want := func(step, text string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(text, s.text()); diff != "" {
				t.Errorf("%s: %s", step, diff)
			}
		}
		p.Begin(r)
		p.Running(at("exec", "slow"), "checking")
		want("at first", "")
		time.Sleep(1300 * time.Millisecond)
		want("a check that takes long", "  exec.slow: checking 1s\n0 of 3 done, 1s")
		p.Running(at("exec", "slow"), "")
		time.Sleep(200 * time.Millisecond)
		want("checked", "1 of 3 checked, 1s")
		p.Running(at("exec", "slow"), "applying")
		p.Running(at("file", "/a/very/long/name/日本語/of/a/file.conf"), "applying")
		p.Ended(&report.Result{Address: at("file", "a"), Outcome: report.Failed, Error: &report.Error{Summary: "is a folder"}})
		time.Sleep(2 * time.Second)
		want("at work", "file.a: failed\n    is a folder\n  exec.slow: applying 1s\n  file[\"/a/ver…file.conf\"]: applying 1s\n1 of 3 done, 1 failed, 3s")
		fmt.Fprintln(p.Beside(s), "level=INFO msg=hello")
		want("a message", "file.a: failed\n    is a folder\nlevel=INFO msg=hello\n  exec.slow: applying 2s\n  file[\"/a/ver…file.conf\"]: applying 2s\n1 of 3 done, 1 failed, 3s")
		s.resize(20) // what was drawn takes more rows now
		time.Sleep(200 * time.Millisecond)
		want("a narrow screen", "file.a: failed\n    is a folder\nlevel=INFO msg=hello\n  exec.slow 2s\n  file[\"/…conf\"] 2s\n1 of 3 done, 1 fai…")
		p.End(r)
		want("at the end", "file.a: failed\n    is a folder\nlevel=INFO msg=hello\nconverge: nothing de\nclared, in 0ms")
	})
}

func TestLiveStaysOnALowScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &terminal{columns: 30, rows: 5}
		p := New(s, Options{Screen: s.size})
		p.Begin(&report.Report{Mode: report.Converge, Resources: 100})
		for i := range 9 {
			p.Running(at("exec", fmt.Sprint("e", i)), "applying")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff("  exec.e0: applying 5s\n  exec.e1: applying 5s\n  and 7 more\n0 of 100 done, 5s", s.text()); diff != "" {
			t.Error(diff)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("", s.text()); diff != "" {
			t.Error(diff)
		}
	})
}
