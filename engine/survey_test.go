package engine

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// cleaner is a folder that learns what is declared in it, and says what it learnt.
type cleaner struct {
	thing
	declared func() resources.Declared
}

func (c *cleaner) Covers() string { return "/d" }

func (c *cleaner) Survey(declared func() resources.Declared) { c.declared = declared }

func (c *cleaner) Check(context.Context, host.View) (resources.Diff, error) {
	d := c.declared()
	c.w.did("knows %v, not %q until %q", d.Late, d.Unknown, d.After)
	if d.After == "" {
		return resources.Diff{}, nil
	}
	return resources.Diff{Changes: []resources.Change{{Attr: "purge", Late: true}}}, nil
}

// named is a thing with a path of its own.
type named struct {
	thing
	Path string `hcl:"path,title"`
}

func (n *named) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: n.Path}}
}

func (n *named) Requires() []resources.Identity { return nil }

// TestLateNames: what a deferred block declares is known to who has to know of it when that is visited, but where nothing tells it.
func TestLateNames(t *testing.T) {
	for _, tc := range []struct {
		name, decl, edges string
		fails             error
		plan              bool
		want, log         string
	}{
		{name: "converge", decl: "a c d", want: "a=changed c=unchanged:known late d.1=changed:known late d.2=changed:known late",
			log: `knows [], not "t.d" until "t.a",apply a,bind,knows [/d/1 /d/2], not "" until "",bind,apply d.1,apply d.2`},
		{name: "plan", decl: "a c d", plan: true, want: "a=pending c=pending:known late d=pending:known late", log: `knows [], not "t.d" until "t.a"`},
		{name: "plan, given", decl: "a:there c d", plan: true, want: "a=unchanged c=unchanged d.1=pending:known late d.2=pending:known late", log: `bind,knows [/d/1 /d/2], not "" until "",bind`},
		{name: "not given", decl: "a c d", fails: &catalog.NotGiven{From: []resources.Address{{Type: "t", Title: "a"}}}, want: "a=changed c=unchanged:known late d=unchanged:known late",
			log: `knows [], not "t.d" until "t.a",apply a,bind,knows [], not "t.d" until "",bind`},
		{name: "before what would tell", decl: "a c d", edges: "c>a", want: "a=changed c=unchanged d.1=changed:known late d.2=changed:known late",
			log: `knows [], not "t.d" until "",apply a,bind,apply d.1,apply d.2`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &world{}
			entries := declare(t, w, tc.decl)
			a, c, d := entries[0], entries[1], entries[2]
			a.Resource = &giver{*a.Resource.(*thing)}
			c.Resource = &cleaner{thing: *c.Resource.(*thing)}
			d.Deferred = &catalog.Deferred{
				Needs: []resources.Address{a.Addr}, Blank: &named{Path: "d"}, Unnamed: true, Begins: "/d/", Repeated: true,
				Bind: func(context.Context, catalog.Values) ([]*catalog.Entry, error) {
					w.did("bind")
					out := declare(t, w, "d.2 d.1")
					for _, e := range out {
						th := *e.Resource.(*thing)
						e.Resource = &named{th, "/" + strings.ReplaceAll(th.name, ".", "/")}
					}
					slices.Reverse(out)
					return out, tc.fails
				},
			}
			d.Resource = nil
			rep := reported(t, newCatalog(t, entries, relate(tc.edges)), Options{}, tc.plan)
			var got []string
			for i, o := range strings.Fields(outcomes(rep)) {
				if c := rep.Results[i].Certainty; c == report.KnownLate {
					o += ":" + c
				}
				got = append(got, o)
			}
			if diff := cmp.Diff([]string{tc.want, tc.log}, []string{strings.Join(got, " "), strings.Join(w.log, ",")}); diff != "" {
				t.Error(diff)
			}
			if len(rep.Surprises) > 0 {
				t.Errorf("not as planned: %v", rep.Surprises)
			}
		})
	}
}
