package crontab

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
)

// A job that went comes back where it stood, and at the end where other lines are there now.
func TestPutBack(t *testing.T) {
	const spool = "-- var/spool/cron/crontabs/ann --\n"
	for name, tt := range map[string]struct{ before, now, want string }{
		"first":           {"# apply: a\n@daily x\nPATH=/bin\n@daily y\n", "PATH=/bin\n@daily y\n", "back\nPATH=/bin\n@daily y\n"},
		"in the middle":   {"@daily y\n# apply: a\n@daily x\n@daily z\n", "@daily y\n@daily z\n", "@daily y\nback\n@daily z\n"},
		"last":            {"@daily y\n# apply: a\n@daily x\n", "@daily y\n", "@daily y\nback\n"},
		"alone":           {"# apply: a\n@daily x\n", "", "back\n"},
		"others above":    {"@daily y\n# apply: a\n@daily x\n@daily z\n", "@daily new\n@daily z\n", "@daily new\n@daily z\nback\n"},
		"others below":    {"@daily y\n# apply: a\n@daily x\n@daily z\n", "@daily y\n@daily new\n", "@daily y\n@daily new\nback\n"},
		"fewer than were": {"1\n2\n# apply: a\n@daily x\n", "", "back\n"},
	} {
		t.Run(name, func(t *testing.T) {
			was := read(t, hosttest.New(t, spool+tt.before))
			place := was.Place(was.Find("a"))
			table := read(t, hosttest.New(t, spool+tt.now))
			table.PutBack(place, []string{"back"})
			if diff := cmp.Diff(tt.want, table.file.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
	table := read(t, hosttest.New(t, spool+"@daily y\n"))
	table.PutBack(nil, []string{"back"}) // nothing was kept of it
	if diff := cmp.Diff("@daily y\nback\n", table.file.String()); diff != "" {
		t.Error(diff)
	}
}
