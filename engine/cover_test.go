package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
