package memory

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// What is owed to something goes where it is declared now; who is declared still, or was before, is owed nothing of it.
func TestMoved(t *testing.T) {
	in := func(e *catalog.Entry) *catalog.Entry {
		e.Addr.Module = "module.web"
		return e
	}
	for name, tc := range map[string]struct {
		before, now *catalog.Entry
		want        string
	}{
		"declared still":             {linkOf("/a"), linkOf("/a"), ""},
		"in a module":                {linkOf("/a"), in(linkOf("/a")), `file["/a"] at module.web.file["/a"]`},
		"under another title":        {linkOf("/a"), named(linkOf("/a"), "b"), `file["/a"] at file.b`},
		"another thing":              {linkOf("/a"), linkOf("/b"), ""},
		"another type of that title": {linkOf("/a"), lineOf("/a", "", "x"), ""},
		"what has the same title":    {lineOf("both", "", "x"), in(lineOf("both", "", "y")), "line.both at module.web.line.both"},
		"to which nothing is owed":   {linkOf("/free"), in(linkOf("/free")), ""},
		"an instance":                {jobOf("j", "", "a", "present"), jobOf("j", `["a"]`, "a", "present"), `cron.j at cron.j["a"]`},
	} {
		t.Run(name, func(t *testing.T) {
			state := open(t)
			runOf(t, state, tc.before, report.Changed)
			got := ""
			for from, into := range Read(state, manifestOf(t, tc.now)).Moved(func(a resources.Address) []resources.Address {
				if a.Title == "/free" {
					return nil
				}
				return []resources.Address{{Type: "file", Title: "/source"}}
			}) {
				for _, to := range into {
					got += from.String() + " at " + to.String()
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
