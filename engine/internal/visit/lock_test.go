package visit

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// TestLocked: what names the same lock is not changed at the same time, although each visit has a slot, and in the order in which it is declared,
// however long each is looked at.
func TestLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside, most atomic.Int32
		s := &scene{words: "predict"}
		var order []int
		var entries []*catalog.Entry
		for i := range 4 {
			entries = append(entries, &catalog.Entry{Addr: address(fmt.Sprint(i)), Resource: &exclusive{i: i, inside: &inside, most: &most, order: &order}})
		}
		w := &walker{Walk: newWalk(t, s, &stop.Stopper{}, entries, nil), skip: func(int) bool { return false }}
		w.Host = node{scene: s}
		defer w.Hands.Rest()
		for v, e := range entries {
			w.visits = append(w.visits, newVisit(w.Walk, v, e))
		}
		w.Catalog.Graph().Walk(t.Context(), 4, 10, w)
		for _, vis := range w.visits {
			if vis.Result.Outcome != report.Changed {
				t.Errorf("%s: %s", vis.Entry.Addr, vis.Result.Outcome)
			}
		}
		if most.Load() != 1 {
			t.Errorf("%d at the same time", most.Load())
		}
		if diff := cmp.Diff([]int{0, 1, 2, 3}, order); diff != "" {
			t.Error(diff)
		}
	})
}

// exclusive takes a second, under a lock; a look at it takes the longer the earlier it is declared.
type exclusive struct {
	i            int
	is           bool
	inside, most *atomic.Int32
	order        *[]int
}

func (e *exclusive) Check(context.Context, host.View) (d resources.Diff, err error) {
	time.Sleep(time.Duration(10-e.i) * time.Second) // of the bubble
	if !e.is {
		d.Compare("ensure", "absent", "present")
	}
	return d, nil
}

func (e *exclusive) Apply(context.Context, host.Host, resources.Diff) error {
	if n := e.inside.Add(1); n > e.most.Load() {
		e.most.Store(n)
	}
	*e.order = append(*e.order, e.i)
	time.Sleep(time.Second) // of the bubble
	e.inside.Add(-1)
	e.is = true
	return nil
}

func (*exclusive) Locks() []string { return []string{"dpkg"} }
