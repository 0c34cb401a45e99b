package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

func TestClosed(t *testing.T) {
	// written makes the journal of a run that owes b a refresh and has written /x, and closes it.
	written := func(t *testing.T, s *State, ended bool) {
		t.Helper()
		v := hosttest.New(t, "-- x --\nold")
		r, _ := begin(t, s, "1")
		owe(t, r)
		if err := r.Op(t.Context(), addr("a"), v, host.Op{Kind: host.OpWrite, Name: "/x"}); err != nil {
			t.Fatal(err)
		}
		if ended {
			if err := r.Ended(t.Context(), addr("a"), v); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the last record says all", func(t *testing.T) {
		s := open(t, t.TempDir())
		written(t, s, true)
		short, ok := s.journals.Closed("1")
		if !ok {
			t.Fatal("not closed")
		}
		long, dmg, err := s.journals.Read("1")
		if dmg != nil || err != nil {
			t.Fatal(dmg, err)
		}
		names := func(all []record.Debt) (out []string) {
			for _, d := range all {
				out = append(out, d.Source.Address().String()+" owes "+d.Target.Address().String())
			}
			return out
		}
		if diff := cmp.Diff(names(long.Owed.List()), names(short.Owed.List())); diff != "" || len(short.Owed) != 1 {
			t.Error(diff)
		}
		if diff := cmp.Diff(long.Head, short.Head); diff != "" {
			t.Error(diff)
		}
		if len(long.Ops) != 2 || long.Ops[1].After == nil {
			t.Errorf("the record of how the file was left is lost: %+v", long.Ops)
		}
	})
	t.Run("what has not ended is looked for", func(t *testing.T) {
		s := open(t, t.TempDir())
		written(t, s, false)
		if _, ok := s.journals.Closed("1"); ok {
			t.Error("closed")
		}
		next, _ := begin(t, s, "2")
		if dirs, _ := next.leftovers(); cmp.Diff([]string{"/"}, dirs) != "" {
			t.Errorf("want /, got %q", dirs)
		}
	})
	t.Run("a flipped bit before it is told", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		written(t, s, true)
		name := s.journals.Path("1")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[strings.Index(string(b), `"op"`)+1] ^= 1
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		next, warnings := begin(t, s, "2")
		if len(warnings) != 1 || !strings.Contains(warnings[0], "damaged") {
			t.Errorf("warnings: %q", warnings)
		}
		if len(next.Owed(addr("b"))) != 1 {
			t.Error("what is whole before it does not count")
		}
	})
}

// BenchmarkAppend is what recording a change takes when many do at the same time, the disk's part included.
func BenchmarkAppend(b *testing.B) {
	s, err := OpenState(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	r, _, err := s.Begin("1", "token", "", Manifest{}, start)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	b.ReportAllocs()
	b.SetParallelism(256)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.Begin(b.Context(), addr("a"), resources.Diff{}, nil, json.RawMessage(`{}`)); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkBegin is what the journal of the run before costs the next run.
func BenchmarkBegin(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		for _, closed := range []bool{false, true} {
			s, err := OpenState(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			if err := makeJournal(s, n, closed); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d/closed=%v", n, closed), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := s.Begin("2", "token", "", Manifest{}, start); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// makeJournal writes the journal of a run that has written n files.
func makeJournal(s *State, n int, closed bool) error {
	l, err := s.journals.Create(record.Run{ID: "1", Started: start})
	if err != nil {
		return err
	}
	for i := range n {
		a, name := record.AddressOf(addr(fmt.Sprint(i))), fmt.Appendf(nil, "/srv/file%d", i)
		err = errors.Join(err, l.Later(
			record.Record{Begin: &record.Begin{Addr: a}}, record.Record{Op: &record.Op{Addr: a, Kind: "write", Name: name, Pre: &image.Image{Kind: "absent"}}},
			record.Record{Ended: &record.Ended{Addr: a, Files: []image.Trace{{Name: name, Kind: "file", Mode: 0o644, Size: 1024, Ino: uint64(i), Time: start}}}},
		))
	}
	if closed {
		err = errors.Join(err, l.Later(record.Record{Closed: &record.Closed{}}))
	}
	return errors.Join(err, l.Close())
}
