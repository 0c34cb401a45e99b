package memory

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
)

// declare makes a catalog of files: "a=1 b=2" declares /a with the content 1 and /b with 2.
func declare(t *testing.T, decl string) *catalog.Catalog {
	t.Helper()
	var entries []*catalog.Entry
	for _, d := range strings.Fields(decl) {
		title, content, _ := strings.Cut(d, "=")
		f := file.Type().New("/" + title).(*file.File)
		f.Content = &content
		entries = append(entries, &catalog.Entry{Addr: resources.Address{Type: "file", Title: "/" + title}, Resource: f})
	}
	c, problems := catalog.New(entries, nil, func(resources.Address) bool { return false })
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c
}

// run is one run: what it declares, how it ends, and what was known before it.
type run struct {
	decl, ends  string // "a=changed b=failed c=made" (changed where nothing was) d=refused (failed before it was begun); what is not in it was not chosen
	partial     bool
	interrupted int
	undone      string // of the run before, "a b-", the latter in part

	drifted, orphans string // "a b"
}

// remember makes a run and compares what was known.
func (r run) remember(t *testing.T, state *journal.State, source string) {
	t.Helper()
	c := declare(t, r.decl)
	undone := map[resources.Address]bool{}
	for _, title := range strings.Fields(r.undone) {
		title, part := strings.CutSuffix(title, "-")
		undone[resources.Address{Type: "file", Title: "/" + title}] = !part
	}
	if err := Undone(state, "RUN", undone); err != nil {
		t.Fatal(err)
	}
	mem := Read(state, Manifest{Source: source, Catalog: c, Warn: func(text string) { t.Error(text) }})
	var drifted, orphans []string
	for _, e := range c.Entries() {
		if mem.Drifted(e.Addr) {
			drifted = append(drifted, strings.TrimPrefix(e.Addr.Title, "/"))
		}
	}
	rep := &report.Report{Partial: r.partial, Interrupted: r.interrupted, Orphans: mem.Orphans()}
	for _, o := range rep.Orphans {
		orphans = append(orphans, strings.TrimPrefix(o.Address.Title, "/"))
	}
	if diff := cmp.Diff([]string{r.drifted, r.orphans}, []string{strings.Join(drifted, " "), strings.Join(orphans, " ")}); diff != "" {
		t.Errorf("%q: drifted, orphans: %s", r.decl, diff)
	}
	for _, end := range strings.Fields(r.ends) {
		title, outcome, _ := strings.Cut(end, "=")
		res := &report.Result{Address: resources.Address{Type: "file", Title: "/" + title}, Outcome: report.Outcome(outcome), Begun: true,
			Changes: []report.Change{{Attribute: "comment", Before: "absent", After: "one"}}}
		switch outcome {
		case "made":
			res.Outcome, res.Changes = report.Changed, []report.Change{{Attribute: "ensure", Before: "absent", After: "file"}}
		case "refused":
			res.Outcome, res.Begun = report.Failed, false
		}
		rep.Results = append(rep.Results, res)
	}
	rep.Run, rep.Source = "RUN", source
	if err := errors.Join(mem.Save(state, rep), state.SaveReport(rep.Run, rep)); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *journal.State {
	t.Helper()
	state, err := journal.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestMemory(t *testing.T) {
	for name, runs := range map[string][]run{
		"what was left as declared drifts":    {{decl: "a=1 b=1", ends: "a=changed b=unchanged"}, {decl: "a=1 b=1", drifted: "a b"}},
		"what is declared otherwise does not": {{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=2 b=1", drifted: "b"}},
		"nor what was not left as declared": {
			{decl: "a=1 b=1 c=1 d=1", ends: "a=failed b=skipped c=pending d=refreshed"}, {decl: "a=1 b=1 c=1 d=1", drifted: "d"},
		},
		"what a run was not asked for stays known": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1 b=1", ends: "a=failed", partial: true, drifted: "a b"}, {decl: "a=1 b=1", drifted: "a b"},
		},
		"nor does what was not brought back lose it": {
			{decl: "a=1 b=1 c=1", ends: "a=changed b=changed c=changed"}, {decl: "a=1 b=1 c=1", ends: "a=failed b=skipped c=pending", drifted: "a b c"},
			{decl: "a=1 b=1 c=1", drifted: "a b c"},
		},
		"but where it was declared otherwise meanwhile": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=2 b=2", ends: "a=failed b=skipped"}, {decl: "a=1 b=1"},
		},
		"unless it was declared otherwise": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1 b=2", ends: "a=unchanged", partial: true, drifted: "a"}, {decl: "a=1 b=2", drifted: "a"},
		},
		"an orphan is told once": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1", ends: "a=unchanged", drifted: "a", orphans: "b"}, {decl: "a=1", drifted: "a"},
		},
		"and again where it was told among failures": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1", ends: "a=failed", drifted: "a", orphans: "b"},
			{decl: "a=1", ends: "a=changed", drifted: "a", orphans: "b"}, {decl: "a=1", drifted: "a"},
		},
		"or the run was interrupted": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1", ends: "a=unchanged", interrupted: 2, drifted: "a", orphans: "b"}, {decl: "a=1", drifted: "a", orphans: "b"},
		},
		"or was of a part": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1", ends: "a=unchanged", partial: true, drifted: "a", orphans: "b"}, {decl: "a=1", drifted: "a", orphans: "b"},
		},
		"what was never there is none": {
			{decl: "a=1 b=1 c=1 d=1 e=1", ends: "a=changed b=skipped c=pending d=failed"}, {decl: "a=1", drifted: "a", orphans: "d"}, // of what failed a part may be there
		},
		"nor is what was refused": {{decl: "a=1 b=1", ends: "a=changed b=refused"}, {decl: "a=1", drifted: "a"}},
		"what was there and was refused since is one": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1 b=2", ends: "a=unchanged b=refused", drifted: "a"}, {decl: "a=1", drifted: "a", orphans: "b"},
		},
		"what was there and failed since is one": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1 b=2", ends: "a=failed b=skipped", drifted: "a"}, {decl: "a=2", orphans: "b"},
		},
		"what was undone has not drifted": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {undone: "b", decl: "a=1 b=1", ends: "a=unchanged b=changed", drifted: "a"}, {decl: "a=1 b=1", drifted: "a b"},
		},
		"what was undone is none": {{decl: "a=1 b=1 c=1", ends: "a=changed b=made c=made"}, {undone: "a b c-", decl: "d=1", orphans: "a c"}},
		"unless it was there before": {
			{decl: "a=1 b=1", ends: "a=made b=made"}, {decl: "a=2 b=2", ends: "a=changed b=made"}, {undone: "a b", decl: "d=1", orphans: "a"},
		},
		"what is declared again is none": {
			{decl: "a=1 b=1", ends: "a=changed b=changed"}, {decl: "a=1", ends: "a=failed", drifted: "a", orphans: "b"}, {decl: "a=1 b=1", drifted: "a b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			state := open(t)
			for _, r := range runs {
				r.remember(t, state, "/site/main.hcl")
			}
			run{decl: "b=1"}.remember(t, state, "/another/main.hcl")
		})
	}
}

// Where the file that it is copied from has changed, it is not the node that has drifted.
func TestChangedSource(t *testing.T) {
	dir := t.TempDir()
	from, odd := filepath.Join(dir, "from"), filepath.Join(dir, `to ${o}, "say"`)
	for _, name := range []string{odd, from} {
		if err := os.WriteFile(name, []byte("one"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	changed := time.Unix(info.Sys().(*syscall.Stat_t).Ctim.Unix())
	c := declare(t, "a=1")
	f := c.Entries()[0].Resource.(*file.File)
	gone := filepath.Join(filepath.Dir(from), "none", "of these")
	for name, tc := range map[string]struct {
		source   []string
		ran      time.Time
		fleeting bool
		want     bool
	}{
		"since the last run":                  {source: []string{from}, ran: changed.Add(-1), want: false},
		"before it":                           {source: []string{from}, ran: changed, want: true},
		"is there for the one run anyway":     {source: []string{from}, ran: changed.Add(-1), fleeting: true, want: true},
		"the first that there is, before it":  {source: []string{gone, from}, ran: changed, want: true},
		"the first may have gone since":       {source: []string{gone, "/dev/null"}, ran: changed.Add(-time.Minute), want: false},
		"since the last run, by an odd name":  {source: []string{"/dev/null", odd}, ran: changed.Add(-time.Minute), want: false},
		"before the last run, by an odd name": {source: []string{gone, odd}, ran: changed.Add(time.Minute), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			f.Content, f.Source = nil, tc.source
			state := open(t)
			m := Manifest{Source: "/site/main.hcl", Catalog: c}
			if tc.fleeting {
				m.Fleeting = func(string) bool { return true }
			}
			rep := &report.Report{Source: m.Source, Started: tc.ran, Results: []*report.Result{{Address: c.Entries()[0].Addr, Outcome: report.Changed}}}
			if err := Read(state, m).Save(state, rep); err != nil {
				t.Fatal(err)
			}
			if err := state.SaveReport("1", rep); err != nil {
				t.Fatal(err)
			}
			if got := Read(state, m).Drifted(c.Entries()[0].Addr); got != tc.want {
				t.Errorf("drifted: %v", got)
			}
		})
	}
}

// export is a resource that stands for something beyond the node.
type export struct{ resources.Resource }

func (*export) Skip(context.Context, host.Host, string) error { return nil }

// Who waited has left nothing that could drift, what only the run tells may be declared otherwise by now, and what was exported goes stale.
func TestNoDrift(t *testing.T) {
	for name, of := range map[string]func(e *catalog.Entry){
		"a file":     func(*catalog.Entry) {},
		"a wait":     func(e *catalog.Entry) { e.Awaits = true },
		"an export":  func(e *catalog.Entry) { e.Resource = &export{e.Resource} },
		"known late": func(e *catalog.Entry) { e.Deferred = &catalog.Deferred{Blank: e.Resource} },
	} {
		t.Run(name, func(t *testing.T) {
			state, c := open(t), declare(t, "a=1")
			e := c.Entries()[0]
			of(e)
			m := Manifest{Source: "/site/main.hcl", Catalog: c}
			rep := &report.Report{Results: []*report.Result{{Address: e.Addr, Outcome: report.Changed}}}
			if err := Read(state, m).Save(state, rep); err != nil {
				t.Fatal(err)
			}
			if got, want := Read(state, m).Drifted(e.Addr), name == "a file"; got != want {
				t.Errorf("drifted: %v, want %v", got, want)
			}
		})
	}
}

// What cannot be read is told, and nothing else.
func TestDamaged(t *testing.T) {
	for name, text := range map[string]string{"the first line": "{", "a resource": `{"version":1,"source":"/site/main.hcl","sum":"x"}` + "\n{\n"} {
		t.Run(name, func(t *testing.T) {
			state := open(t)
			run{decl: "a=1 b=1", ends: "a=changed b=changed"}.remember(t, state, "/site/main.hcl")
			files, err := filepath.Glob(filepath.Join(state.Dir(), "managed", "*"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var told []string
			mem := Read(state, Manifest{Source: "/site/main.hcl", Catalog: declare(t, "a=1"), Warn: func(text string) { told = append(told, text) }})
			if orphans := mem.Orphans(); orphans != nil || mem.Drifted(resources.Address{Type: "file", Title: "/a"}) {
				t.Errorf("orphans: %v", orphans)
			}
			if len(told) != 1 || !strings.HasSuffix(told[0], "nothing is known of orphans and drift") {
				t.Errorf("told %q", told)
			}
			if orphans := Read(state, Manifest{Source: "/site/main.hcl", Catalog: declare(t, "a=1")}).Orphans(); orphans != nil {
				t.Errorf("where nobody is told: %v", orphans)
			}
			if err := mem.Save(state, &report.Report{}); err != nil {
				t.Errorf("the next one: %v", err)
			}
			run{decl: "a=1"}.remember(t, state, "/site/main.hcl")
		})
	}
}

// The last run from a source is none from another.
func TestLastRun(t *testing.T) {
	state := open(t)
	began := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, source := range []string{"a", "b", "b"} {
		r := &report.Report{Run: string(rune('A' + i)), Source: source, Started: began.Add(time.Duration(i) * time.Hour)}
		if err := state.SaveReport(r.Run, r); err != nil {
			t.Fatal(err)
		}
	}
	for source, want := range map[string]time.Time{"a": began, "b": began.Add(2 * time.Hour), "c": {}} {
		if got := lastRun(state, source); !got.Equal(want) {
			t.Errorf("%s: want %v, got %v", source, want, got)
		}
	}
}
