package audit

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFlood: many refusals take few entries a window, and the others are counted, at the end of the window or of the agent.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "audit")
		file, err := os.Create(name) // which the test's own folder can be removed with, unlike what Open makes
		if err != nil {
			t.Fatal(err)
		}
		log := &Log{file: file, also: io.Discard}
		f := NewFlood(log)
		told := func() (written int, errs []string) {
			t.Helper()
			text, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer text.Close()
			for d := json.NewDecoder(text); ; {
				var e Entry
				if err := d.Decode(&e); errors.Is(err, io.EOF) {
					return written, errs
				} else if err != nil {
					t.Fatal(err)
				}
				if written++; e.Error != "bad" {
					errs = append(errs, e.From+" "+e.Error)
				}
			}
		}
		check := func(written int, errs ...string) {
			t.Helper()
			n, got := told()
			if diff := cmp.Diff(errs, got); n != written || diff != "" {
				t.Errorf("want %d entries, got %d: %s", written, n, diff)
			}
		}
		flood := func(n int, from string) {
			t.Helper()
			for range n {
				if err := f.Write(Entry{Event: "refused", From: from, Error: "bad"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		flood(floodMost, "a")
		check(floodMost)
		flood(1000, "b")
		check(floodMost)
		time.Sleep(floodWindow + time.Second)
		first := "b 1000 more within 1m0s, of which this is the last: bad"
		check(floodMost+1, first)
		time.Sleep(floodWindow)
		flood(3, "c")
		check(floodMost+4, first)
		time.Sleep(floodWindow + time.Second) // nothing was left out: nothing is told
		check(floodMost+4, first)
		flood(floodMost+2, "d")
		if err := errors.Join(f.Close(), log.Close()); err != nil {
			t.Fatal(err)
		}
		check(2*floodMost+5, first, "d 2 more within 1m0s, of which this is the last: bad")
	})
}
