package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// folder is a thing at a path.
type folder struct{ thing }

func (f *folder) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: "/d"}}
}
func (f *folder) Requires() []resources.Identity { return nil }

// Apply fails where what covers the folder lets nobody change it.
func (f *folder) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	if f.w.get("sealed") {
		return context.DeadlineExceeded
	}
	return f.thing.Apply(ctx, h, d)
}

// lid puts something over the folder that is not as that is declared.
type lid struct{ thing }

func (l *lid) Covers(resources.Diff) string {
	if l.words["beside"] {
		return "/other"
	}
	return "/d"
}

func (l *lid) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	if l.words["sealed"] {
		l.w.set("sealed", true)
	}
	if !l.words["alike"] {
		l.w.set("d", false)
		l.w.set("d.2", false)
	}
	return l.thing.Apply(ctx, h, d)
}

// What has been put over what an earlier resource made is as that declares it, in the same run.
func TestCover(t *testing.T) {
	for _, tc := range []struct {
		name, decl, edges string
		want, log         string
		changes           int // of the lid
		warning           string
	}{
		{"brought again", "d l", "d>l", "d=changed l=changed", "apply d,apply l,apply d", 2, ""},
		{"which was there before", "d:there l", "d>l", "d=unchanged l=changed", "apply l,apply d", 2, ""},
		{"it is alike", "d l:alike", "d>l", "d=changed l=changed", "apply d,apply l", 1, ""},
		{"nothing is covered", "d l:there", "d>l", "d=changed l=unchanged", "apply d", 0, ""},
		{"something else is", "d l:beside", "d>l", "d=changed l=changed", "apply d,apply l", 1, ""},
		{"the folder is another's matter", "d:off l", "d>l", "d=unchanged l=changed", "apply l", 1, ""},
		{"is only reported", "d:noop l", "d>l", "d=pending l=changed", "apply l", 1, ""},
		{"is not wanted", "d:there,unless=true l", "d>l", "d=unchanged l=changed", "apply l", 1, ""},
		{"comes after it", "d l", "l>d", "d=changed l=changed", "apply l,apply d", 1, ""},
		{"cannot be", "d l:sealed", "d>l", "d=changed l=changed", "apply d,apply l", 1, "t.d is not as declared on what is there now: context deadline exceeded"},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			entries := declare(t, w, tc.decl)
			entries[0].Resource = &folder{*entries[0].Resource.(*thing)}
			entries[1].Resource = &lid{*entries[1].Resource.(*thing)}
			rep := reported(t, newCatalog(t, entries, relate(tc.edges)), Options{Parallel: 1}, false)
			l := rep.Results[1]
			got := []any{outcomes(rep), w.done(), len(l.Changes), strings.Join(l.Warnings, "")}
			if diff := cmp.Diff([]any{tc.want, tc.log, tc.changes, tc.warning}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What was bound in the run is no other in that.
func TestCoverOfWhatIsLate(t *testing.T) {
	for _, tc := range []struct {
		name, decl, edges, made, skip string
		want, log                     string
	}{
		{name: "brought again", decl: "a l d", edges: "d>l", made: "d", want: "a=changed l=changed d=changed", log: "apply a,apply d,apply l,apply d"},
		{name: "one of several", decl: "a l d", edges: "d>l", made: "d.1:elsewhere d.2", want: "a=changed l=changed d.1=changed d.2=changed",
			log: "apply a,apply d.1,apply d.2,apply l,apply d.2"},
		{name: "is only reported", decl: "a l d", edges: "d>l", made: "d:noop", want: "a=changed l=changed d=pending", log: "apply a,apply l"},
		{name: "failed", decl: "a l d", edges: "d>l", made: "d:fails", want: "a=changed l=skipped(t.d) d=failed", log: "apply a,apply d"},
		{name: "has nothing to do with it", decl: "a l d", edges: "a>l l>d", made: "d", want: "a=changed l=changed d=changed", log: "apply a,apply l,apply d"},
		{name: "has nothing to do with it, and is over", decl: "a l d x", edges: "d>x x>l", made: "d", want: "a=changed l=changed d=changed x=changed", log: "apply a,apply d,apply x,apply l"},
		{name: "is left out", decl: "a l d:tag=x", edges: "d>l", made: "d", skip: "x", want: "a=changed l=changed", log: "apply a,apply l"},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			entries := declare(t, w, tc.decl)
			entries[0].Resource = &giver{*entries[0].Resource.(*thing)}
			entries[1].Resource = &lid{*entries[1].Resource.(*thing)}
			d := entries[2]
			d.Deferred = &catalog.Deferred{Needs: []resources.Address{entries[0].Addr}, Blank: d.Resource, Repeated: strings.Contains(tc.made, "."),
				Bind: func(context.Context, catalog.Values) ([]*catalog.Entry, error) {
					bound := declare(t, w, tc.made)
					for _, e := range bound {
						if th := e.Resource.(*thing); !th.words["elsewhere"] {
							e.Resource = &folder{*th}
						}
					}
					return bound, nil
				}}
			d.Resource = nil
			o := Options{Parallel: 1}
			if tc.skip != "" {
				o.SkipTags = []string{tc.skip}
			}
			rep := reported(t, newCatalog(t, entries, relate(tc.edges)), o, false)
			if diff := cmp.Diff([]any{tc.want, tc.log}, []any{outcomes(rep), w.done()}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
