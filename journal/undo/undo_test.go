package undo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	u, err := PlanOf(t.Context(), n.state, n.host, n.types(), "1")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(t.Context(), n.state, n.host, u, Options{ID: "2", Interrupted: never})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("file.issue=changed dial.volume=failed file.motd=changed", told(rep)); diff != "" {
		t.Error(diff)
	}
	if got := rep.Results[1].Error.Summary; !strings.Contains(got, "unknown type dial") {
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
	rep, err := Run(t.Context(), n.state, n.host, p, Options{ID: "no folder/2", Interrupted: never})
	if rep != nil || err == nil || !strings.Contains(err.Error(), "journal: ") {
		t.Errorf("report %v, error %v", rep, err)
	}
	if diff := cmp.Diff("new new", n.files(t)); diff != "" {
		t.Error(diff)
	}
}
