package memory

import (
	"testing"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
)

// What a manifest has made a secret is one until a run has left there what a later manifest declares.
func TestSecret(t *testing.T) {
	env := func(title, content string, sensitive ...string) *catalog.Entry {
		e := entryOf(title, "", file.Type(), func(r resources.Resource) { f := r.(*file.File); f.Path, f.Content = "/etc/env", &content })
		e.Sensitive = sensitive
		return e
	}
	secret := env("a", "hunter2", "content")
	for name, tc := range map[string]struct {
		first *catalog.Entry
		then  *catalog.Entry // run after the first one, if set
		end   report.Outcome
		now   *catalog.Entry
		want  bool
	}{
		"no longer declared as one":           {secret, nil, "", env("a", "port=1"), true},
		"under another title":                 {secret, nil, "", env("b", "port=1"), true},
		"after a run that failed":             {secret, env("b", "port=1"), report.Failed, env("b", "port=1"), true},
		"after a run that replaced it":        {secret, env("b", "port=1"), report.Changed, env("b", "port=2"), false},
		"what was published":                  {secret, env("a", "hunter2"), report.Unchanged, env("a", "port=1"), false},
		"what became one without a change":    {env("a", "hunter2"), env("a", "hunter2", "content"), report.Unchanged, env("a", "port=1"), true},
		"another file":                        {secret, nil, "", linkOf("/etc/other"), false},
		"after a run that did not come to it": {secret, env("a", "port=1"), report.Skipped, env("a", "port=1"), true},
	} {
		t.Run(name, func(t *testing.T) {
			state := open(t)
			runOf(t, state, tc.first, report.Changed)
			if tc.then != nil {
				runOf(t, state, tc.then, tc.end)
			}
			mem := Read(state, manifestOf(t, tc.now))
			if got := mem.Secret(tc.now, "content"); got != tc.want {
				t.Errorf("secret: %t", got)
			}
			if mem.Secret(tc.now, "mode") {
				t.Error("another attribute is a secret")
			}
		})
	}
}

// manifestOf declares one entry.
func manifestOf(t *testing.T, e *catalog.Entry) Manifest {
	t.Helper()
	c, problems := catalog.New([]*catalog.Entry{e}, nil, func(resources.Address) bool { return false })
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return Manifest{Source: "/site/main.hcl", Catalog: c, Warn: func(text string) { t.Error(text) }}
}

// runOf keeps how a run of a manifest that declares one entry ended.
func runOf(t *testing.T, state *journal.State, e *catalog.Entry, end report.Outcome) {
	t.Helper()
	rep := &report.Report{Results: []*report.Result{{Address: e.Addr, Outcome: end}}}
	if err := Read(state, manifestOf(t, e)).Save(state, rep); err != nil {
		t.Fatal(err)
	}
}
