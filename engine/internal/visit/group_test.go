package visit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// bundle is a resource that is changed together with others, under a lock.
type bundle struct {
	*scene
	name string
	is   *[]string // what was changed, in one string for each transaction
}

func (b bundle) Check(context.Context, host.View) (resources.Diff, error) {
	var d resources.Diff
	if !slices.ContainsFunc(*b.is, func(s string) bool { return slices.Contains(strings.Fields(s), b.name) }) {
		d.Compare("ensure", "absent", "present")
	}
	return d, nil
}

func (b bundle) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	return b.ApplyGroup(ctx, h, []resources.Member{{Resource: b, Diff: d}})[0]
}

func (b bundle) ApplyGroup(_ context.Context, _ host.Host, all []resources.Member) []error {
	var names []string
	errs := make([]error, len(all))
	for i, m := range all {
		name := m.Resource.(bundle).name
		if b.has("no-" + name) {
			errs[i] = errors.New("no such package")
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	*b.is = append(*b.is, strings.Join(names, " "))
	if b.has("short") {
		return errs[:1]
	}
	return errs
}

func (bundle) Locks() []string { return []string{"dpkg"} }

// walker visits entries as a walk does.
type walker struct {
	*Walk
	visits []*Visit
	skip   func(v int) bool
}

func (w *walker) Ready(v int)    { w.Expect(v, w.visits[v].Entry) }
func (w *walker) Brief(int) bool { return false }
func (w *walker) Done(v int)     { w.Over(v, w.visits[v].Entry) }
func (w *walker) Visit(ctx context.Context, v int, slot graph.Slot) {
	if !w.skip(v) {
		w.visits[v].Slot = slot
		w.visits[v].Settle(ctx)
	}
}

// TestGroup: what is ready at the same time is changed in one transaction, whatever the slots; each fares by itself.
func TestGroup(t *testing.T) {
	for _, tc := range []struct {
		name, words, edges string
		skip               int
		want               []string
		failed             string
	}{
		{"all at once", "", "", -1, []string{"p0 p1 p2"}, ""},
		{"one of them fails", "no-p1", "", -1, []string{"p0 p2"}, "p1: no such package"},
		{"what comes after is for the next", "", "p1>p2", -1, []string{"p0 p1", "p2"}, ""},
		{"what does not come is not waited for", "", "", 2, []string{"p0 p1"}, ""},
		{"a group that miscounts", "short", "", -1, []string{"p0 p1 p2"}, "p0: internal error: 1 results for a group of 3 p1: internal error: 1 results for a group of 3 p2: internal error: 1 results for a group of 3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, is := &scene{words: tc.words}, []string{}
				var entries []*catalog.Entry
				for i := range 3 {
					name := fmt.Sprint("p", i)
					entries = append(entries, &catalog.Entry{Addr: resources.Address{Type: "package", Title: name}, Resource: bundle{s, name, &is}})
				}
				var rels []catalog.Relation
				if from, to, ok := strings.Cut(tc.edges, ">"); ok {
					rels = append(rels, catalog.Relation{From: resources.Address{Type: "package", Title: from}, To: resources.Address{Type: "package", Title: to}})
				}
				w := &walker{Walk: newWalk(t, s, &stop.Stopper{}, entries, rels), skip: func(v int) bool { return v == tc.skip }}
				defer w.Hands.Rest()
				for v, e := range entries {
					w.visits = append(w.visits, newVisit(w.Walk, v, e))
				}
				w.Catalog.Graph().Walk(t.Context(), 1, 10, w)
				var failed []string
				for _, vis := range w.visits {
					if vis.Result.Error != nil {
						failed = append(failed, vis.Entry.Addr.Title+": "+vis.Result.Error.Summary)
					}
				}
				if diff := cmp.Diff(tc.want, is); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.failed, strings.Join(failed, " ")); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestMembersOwe: what a transaction did is recorded of one of its parts. None of them that failed says that it has done nothing.
func TestMembersOwe(t *testing.T) {
	s, is := &scene{words: "no-p"}, []string{}
	entries := []*catalog.Entry{{Addr: address("p"), Resource: bundle{s, "p", &is}}, {Addr: address("b"), Resource: folder{&scene{}}}}
	w := newWalk(t, s, &stop.Stopper{}, entries, []catalog.Relation{{From: address("p"), To: address("b"), Kind: catalog.Notify}})
	defer w.Hands.Rest()
	w.Expect(0, entries[0])
	newVisit(w, 0, entries[0]).Settle(t.Context())
	if diff := cmp.Diff([]string{"begin1[t.b]", "ended"}, s.log); diff != "" {
		t.Error(diff)
	}
}

// lasting is a bundle whose transactions take two minutes.
type lasting struct{ bundle }

func (l lasting) ApplyGroup(ctx context.Context, h host.Host, all []resources.Member) []error {
	select {
	case <-ctx.Done():
		return slices.Repeat([]error{context.Cause(ctx)}, len(all))
	case <-time.After(2 * time.Minute):
	}
	for i := range all {
		all[i].Resource = all[i].Resource.(lasting).bundle
	}
	return l.bundle.ApplyGroup(ctx, h, all)
}

// TestTransactionHasTheLongestTimeout: whoever leads it, none of its parts is ended before its own time.
func TestTransactionHasTheLongestTimeout(t *testing.T) {
	for _, tc := range []struct {
		name         string
		first, other time.Duration
		want         report.Outcome
	}{
		{"the first is in haste", time.Minute, time.Hour, report.Changed},
		{"the other is in haste", time.Hour, time.Minute, report.Changed},
		{"both are", time.Minute, time.Minute, report.Failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, is := &scene{}, []string{}
				entries := []*catalog.Entry{
					{Addr: address("p0"), Resource: lasting{bundle{s, "p0", &is}}},
					{Addr: address("p1"), Resource: lasting{bundle{s, "p1", &is}}},
				}
				entries[0].Timeout, entries[1].Timeout = tc.first, tc.other
				w := &walker{Walk: newWalk(t, s, &stop.Stopper{}, entries, nil), skip: func(int) bool { return false }}
				defer w.Hands.Rest()
				for v, e := range entries {
					w.visits = append(w.visits, newVisit(w.Walk, v, e))
				}
				w.Catalog.Graph().Walk(t.Context(), 1, 10, w)
				for _, vis := range w.visits {
					if vis.Result.Outcome != tc.want {
						t.Errorf("%s is %s: %v", vis.Entry.Addr, vis.Result.Outcome, vis.Result.Error)
					}
				}
			})
		})
	}
}

// nosy is one during whose check the run is interrupted.
type nosy struct {
	bundle
	interrupt func()
}

func (n nosy) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	n.interrupt()
	return n.bundle.Check(ctx, v)
}

// TestNoTransactionStartsAfterAnInterrupt: what has been recorded, and waits for the others of its transaction, has not begun.
func TestNoTransactionStartsAfterAnInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, is, interrupt := &scene{}, []string{}, make(chan struct{})
		entries := []*catalog.Entry{
			{Addr: address("p0"), Resource: bundle{s, "p0", &is}},
			{Addr: address("p1"), Resource: nosy{bundle{s, "p1", &is}, func() { close(interrupt) }}},
		}
		w := &walker{Walk: newWalk(t, s, &stop.Stopper{Interrupt: interrupt}, entries, nil), skip: func(int) bool { return false }}
		defer w.Hands.Rest()
		for v, e := range entries {
			w.visits = append(w.visits, newVisit(w.Walk, v, e))
		}
		w.Catalog.Graph().Walk(t.Context(), 1, 10, w)
		for _, vis := range w.visits {
			if vis.Result.Outcome != report.Skipped || vis.Result.Reason != "interrupted" {
				t.Errorf("%s is %s: %s", vis.Entry.Addr, vis.Result.Outcome, vis.Result.Reason)
			}
		}
		if len(is) > 0 {
			t.Errorf("changed %q", is)
		}
	})
}

// shut is a limit with a place once something was changed.
type shut struct {
	bundle
	ready chan struct{}
}

func (s *shut) Enter(ctx context.Context) (resources.Place, error) {
	select {
	case <-s.ready:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// opener says that something was changed.
type opener struct {
	bundle
	open func()
}

func (o opener) ApplyGroup(ctx context.Context, h host.Host, all []resources.Member) []error {
	o.open()
	for i := range all {
		all[i].Resource = all[i].Resource.(opener).bundle
	}
	return o.bundle.ApplyGroup(ctx, h, all)
}

// TestWhoIsInALimit is changed by itself: nobody waits for it, and it for nobody.
func TestWhoIsInALimit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		room   bool // from the beginning
		flying int  // visits at once
		want   []string
	}{
		{"it waits for a place", false, 10, []string{"outside", "inside"}},
		{"the other cannot be visited yet", true, 1, []string{"inside", "outside"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, is, ready := &scene{}, []string{}, make(chan struct{})
				a := func(title string) resources.Address { return resources.Address{Type: "package", Title: title} }
				entries := []*catalog.Entry{
					{Addr: a("limit"), Resource: &shut{bundle{s, "limit", &is}, ready}},
					{Addr: a("inside"), Resource: bundle{s, "inside", &is}},
					{Addr: a("outside"), Resource: opener{bundle{s, "outside", &is}, sync.OnceFunc(func() { close(ready) })}},
				}
				if tc.room {
					entries[2].Resource.(opener).open()
				}
				w := &walker{
					Walk: newWalk(t, s, &stop.Stopper{}, entries, []catalog.Relation{{From: a("limit"), To: a("inside"), Kind: catalog.Inside}}),
					skip: func(v int) bool { return v == 0 },
				}
				defer w.Hands.Rest()
				for v, e := range entries {
					w.visits = append(w.visits, newVisit(w.Walk, v, e))
				}
				w.Catalog.Graph().Walk(t.Context(), 1, tc.flying, w)
				if diff := cmp.Diff(tc.want, is); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
