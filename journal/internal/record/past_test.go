package record

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/resources"
)

func named(title string) Address { return AddressOf(resources.Address{Type: "file", Title: title}) }

// What is read of a journal is what was written, of the run that died and of the one that ended.
func TestPast(t *testing.T) {
	f := In(t.TempDir())
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	carried := Debt{Target: named("x"), Source: named("y"), Since: began.Add(-time.Hour)}
	head := Run{ID: "1", Started: began, Token: "token", Owed: []Debt{carried}}
	l, err := f.Create(head)
	if err != nil {
		t.Fatal(err)
	}
	odd := []byte("/a\xff\n")
	add := func(records ...Record) {
		t.Helper()
		if err := l.Append(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
	}
	add(Record{Begin: &Begin{Addr: named("a\xff"), Owes: []Address{named("b"), named("c")}}})
	add(Record{Op: &Op{Addr: named("a\xff"), Kind: "write", Name: odd}}, Record{Op: &Op{Addr: named("a\xff"), Kind: "write", Name: []byte("/other")}})
	add(Record{Ended: &Ended{Addr: named("a\xff"), Files: []image.Trace{{Name: odd, Kind: "file"}}}}, Record{Settled: &Settled{Target: named("c")}})
	if _, ok := f.Closed("1"); ok {
		t.Error("closed before its end")
	}
	p, dmg, err := f.Read("1")
	if err != nil || dmg != nil {
		t.Fatal(dmg, err)
	}
	due := []Debt{carried, {Target: named("b"), Source: named("a\xff"), Since: began, Own: true}}
	if diff := cmp.Diff(due, p.Owed.List()); diff != "" {
		t.Error(diff)
	}
	var left []string
	for _, s := range p.Ops {
		if s.Op != nil && s.After == nil {
			left = append(left, string(s.Op.Name))
		}
	}
	if diff := cmp.Diff([]string{"/other"}, left); diff != "" {
		t.Errorf("not ended: %s", diff)
	}
	add(Record{Closed: &Closed{Owed: due}})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p, ok := f.Closed("1")
	head.Version = version
	if diff := cmp.Diff(Past{Head: head, Owed: NewDebts(due)}, p, cmp.AllowUnexported(Past{})); diff != "" || !ok {
		t.Errorf("closed: %v, %s", ok, diff)
	}
	if _, err := f.Create(head); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a journal was written over: %v", err)
	}
	if ids, err := f.IDs(); err != nil || cmp.Diff([]string{"1"}, ids) != "" {
		t.Errorf("%q, %v", ids, err)
	}
	for id, want := range map[string][]string{"0": {"1"}, "1": {}} {
		if ids, err := f.After(id); err != nil || cmp.Diff(want, ids) != "" {
			t.Errorf("after %s: %q, %v", id, ids, err)
		}
	}
}

// How what is at a name was left is known when all who have announced a change of it have ended, until the next one announces one.
func TestSeveralAtOneName(t *testing.T) {
	f := []byte("/f")
	op := func(title string) Record { return Record{Op: &Op{Addr: named(title), Kind: "write", Name: f}} }
	ended := func(title string, size int64) Record {
		return Record{Ended: &Ended{Addr: named(title), Files: []image.Trace{{Name: f, Kind: "file", Size: size}}}}
	}
	p := Past{Head: Run{ID: "1"}}
	for _, step := range []struct {
		what string
		r    Record
		left int64 // 0: not known
	}{
		{"a begins", op("a"), 0},
		{"a ends", ended("a", 1), 1},
		{"a begins again", op("a"), 0},
		{"b begins", op("b"), 0},
		{"b ends, a is at it", ended("b", 2), 0},
		{"both have ended", ended("a", 3), 3},
	} {
		if err := p.add(step.r); err != nil {
			t.Fatal(err)
		}
		for i, st := range p.Ops {
			left := int64(0)
			if st.After != nil {
				left = st.After.Size
			}
			if left != step.left {
				t.Errorf("%s: op %d was left with %d, want %d", step.what, i, left, step.left)
			}
		}
	}
}
