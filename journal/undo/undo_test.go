package undo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/undo/internal/taking"
	"github.com/nodeapply/apply/resources"
)

func TestRun(t *testing.T) {
	n := changed(t, true)
	rep := n.undo(t, "2", "1", never)
	if diff := cmp.Diff("file.issue=changed dial.volume=changed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("old old 7", n.files(t)); diff != "" {
		t.Error(diff)
	}
	if _, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1"); err == nil || !strings.Contains(err.Error(), "undone already, by run 2") {
		t.Errorf("it is not on record: %v", err)
	}
	n.undo(t, "3", "2", never)
	if diff := cmp.Diff("new new 7 9", n.files(t)); diff != "" {
		t.Errorf("the undo undone: %s", diff)
	}
	n.undo(t, "4", "3", never)
	if diff := cmp.Diff("old old 7 9 7", n.files(t)); diff != "" {
		t.Errorf("and that undone: %s", diff)
	}
}

func TestRefused(t *testing.T) {
	n := changed(t, true)
	if err := os.WriteFile(filepath.Join(n.dir, "issue"), []byte("edited"), 0o644); err != nil {
		t.Fatal(err)
	}
	rep := n.undo(t, "2", "1", never)
	if diff := cmp.Diff("dial.volume=changed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("old edited 7", n.files(t)); diff != "" {
		t.Error(diff)
	}
}

func TestInterrupted(t *testing.T) {
	n := changed(t, true)
	steps := 0
	rep := n.undo(t, "2", "1", func() int {
		if steps++; steps > 1 {
			return 15
		}
		return 0
	})
	if diff := cmp.Diff("file.issue=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if rep.Interrupted != 15 {
		t.Errorf("interrupted by %d, want 15", rep.Interrupted)
	}
	if diff := cmp.Diff("new old", n.files(t)); diff != "" {
		t.Error(diff)
	}
	// Who asks again has the rest put back, and then it is undone.
	last, err := LastChange(n.state, n.host)
	if err != nil || last != "1" {
		t.Fatalf("%s is to be undone, %v", last, err)
	}
	rep = n.undo(t, "3", last, never)
	if diff := cmp.Diff("dial.volume=changed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("old old 7", n.files(t)); diff != "" {
		t.Error(diff)
	}
	if _, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1"); err == nil || !strings.Contains(err.Error(), "undone already, by run 3") {
		t.Errorf("got %v", err)
	}
	if last, err := LastChange(n.state, n.host); err != nil || last != "3" {
		t.Errorf("%s is to be undone, %v", last, err)
	}
}

func TestFailure(t *testing.T) {
	n := changed(t, true)
	n.stuck = true
	u, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), n.state, n.host, u, Options{ID: "2"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("file.issue=changed dial.volume=failed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if got := rep.Results[1].Error.Summary; !strings.Contains(got, "it is stuck") {
		t.Errorf("the reason is %q", got)
	}
}

// Where the journal cannot be written nothing is touched, and there is no report.
func TestJournalCannotBeWritten(t *testing.T) {
	n := changed(t, true)
	p, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), n.state, n.host, p, Options{ID: "no folder/2"})
	if rep != nil || err == nil || !strings.Contains(err.Error(), "journal: ") {
		t.Errorf("report %v, error %v", rep, err)
	}
	if diff := cmp.Diff("new new", n.files(t)); diff != "" {
		t.Error(diff)
	}
}

// Files, links and folders are put back at the same time, but for the first; states, what is in a name or is it, and what is looked at when its turn comes
// keep their place.
func TestBatches(t *testing.T) {
	file := func(addr, name string) Step {
		return Step{Addr: resources.Address{Type: "file", Title: addr}, file: &taking.File{Name: name, Before: image.Image{Kind: "file"}, After: &image.Trace{Kind: "file"}}}
	}
	with := func(s Step, edit func(*Step)) Step { edit(&s); return s }
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []int // how many are in each batch
	}{
		{"none", nil, nil},
		{"files", []Step{file("a", "a"), file("b", "b"), file("c", "c"), file("d", "d")}, []int{1, 3}},
		{"removed and made", []Step{file("a", "a"), with(file("b", "b"), func(s *Step) { s.file.After.Kind = "absent" }), with(file("c", "c"), func(s *Step) { s.file.Before.Kind = "absent" })}, []int{1, 2}},
		{"a state", []Step{file("a", "a"), file("b", "b"), {Addr: dial}, file("c", "c"), file("d", "d")}, []int{1, 1, 1, 2}},
		{"a folder", []Step{file("a", "a"), file("b", "b"), with(file("c", "c"), func(s *Step) { s.file.Before.Kind = "directory" }), file("d", "d")}, []int{1, 3}},
		{"a link", []Step{file("a", "a"), file("b", "b"), with(file("c", "c"), func(s *Step) { s.file.After.Kind = "link" }), file("d", "d")}, []int{1, 3}},
		{"in a folder", []Step{file("a", "/a"), file("b", "/d/b"), file("c", "/d/e/c"), file("d", "/d/e"), file("e", "/d/f"), file("f", "/d")}, []int{1, 2, 2, 1}},
		{"of a folder before it", []Step{file("a", "/a"), file("b", "/d"), file("c", "/dd/c"), file("d", "/d/e/c"), file("e", "/e")}, []int{1, 2, 2}},
		{"one resource", []Step{file("a", "a"), file("b", "b"), file("b", "c"), file("c", "d")}, []int{1, 3}},
		{"refused", []Step{with(file("a", "a"), func(s *Step) { s.Refused = "no" }), file("b", "b"), file("c", "c"), with(Step{Addr: dial}, func(s *Step) { s.Refused = "no" }), file("d", "d")}, []int{1, 2}},
		{"one name", []Step{file("a", "a"), file("b", "b"), file("c", "b"), file("d", "d")}, []int{1, 1, 2}},
		{"late", []Step{file("a", "a"), with(file("b", "b"), func(s *Step) { s.file.Late = true }), file("c", "c")}, []int{1, 1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sizes []int
			var order []Step
			for _, b := range (&Plan{Steps: tt.steps}).batches() {
				sizes, order = append(sizes, len(b)), append(order, b...)
			}
			if diff := cmp.Diff(tt.want, sizes); diff != "" {
				t.Error(diff)
			}
			taken := slices.DeleteFunc(slices.Clone(tt.steps), func(s Step) bool { return s.Refused != "" })
			if !slices.EqualFunc(taken, order, func(a, b Step) bool { return a.Addr == b.Addr }) {
				t.Errorf("another order: %+v", order)
			}
		})
	}
}
