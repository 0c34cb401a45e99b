package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJoined: what is measured anew replaces what was, and the rest stays with its date.
func TestJoined(t *testing.T) {
	put := func(tool string, wall float64, date string) row {
		return row{What: "put 20 MB", Nodes: 32, Tool: tool, Wall: wall, Date: date}
	}
	before := results{Date: "2026-01-01", Rows: []row{
		{What: "exec hostname", Nodes: 128, Tool: "apply"}, put("apply", 9, ""), put("taktuk", 50, ""), put("ansible", 90, "2025-12-31"),
	}}
	now := results{Date: "2026-02-02", Rows: []row{put("dd", 1, ""), put("apply", 3, "")}}
	want := []row{
		{What: "exec hostname", Nodes: 128, Tool: "apply", Date: "2026-01-01"},
		put("dd", 1, ""), put("apply", 3, ""), put("taktuk", 50, "2026-01-01"), put("ansible", 90, "2025-12-31"),
	}
	if diff := cmp.Diff(want, joined(before, now)); diff != "" {
		t.Error(diff)
	}
}

// README.md is what the results beside it give: nothing of it is written by hand.
func TestPage(t *testing.T) {
	t.Chdir("../..")
	r, err := readResults()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("bench/fleet/README.md")
	if diff := cmp.Diff(string(want), string(r.page())); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
