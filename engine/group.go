package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// groups gathers resources of one type that are ready at the same time into one transaction.
type groups struct {
	walk *walk
	mu   sync.Mutex
	of   map[string]*group // by type
}

// group is the members of one type.
type group struct {
	expected int // ready, and neither here nor ended yet
	joined   map[*catalog.Entry]bool
	waiting  []*member
	busy     bool
}

type member struct {
	visit *visit
	res   resources.Grouper
	diff  resources.Diff
	lead  chan []*member // to whom this is sent runs the transaction of all
	done  chan error
}

func (g *groups) init(w *walk) { g.walk, g.of = w, map[string]*group{} }

func (g *groups) get(typ string) *group {
	gr, ok := g.of[typ]
	if !ok {
		gr = &group{joined: map[*catalog.Entry]bool{}}
		g.of[typ] = gr
	}
	return gr
}

// expect is told that an entry is ready: if it can be grouped, a transaction waits for it.
func (g *groups) expect(e *catalog.Entry) {
	if _, ok := e.Resource.(resources.Grouper); !ok || !g.walk.converging {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.get(e.Addr.Type).expected++
	g.get(e.Addr.Type).joined[e] = false
}

// settle is told that the visit of an entry has ended.
func (g *groups) settle(e *catalog.Entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gr, ok := g.of[e.Addr.Type]
	if !ok {
		return
	}
	if joined, expected := gr.joined[e]; expected && !joined {
		gr.expected--
		gr.flush()
	}
	delete(gr.joined, e)
}

// flush starts the next transaction if nobody else is to be waited for: its first member runs it.
func (gr *group) flush() {
	if gr.busy || gr.expected > 0 || len(gr.waiting) == 0 {
		return
	}
	gr.busy = true
	all := gr.waiting
	gr.waiting = nil
	all[0].lead <- all
}

// apply makes the visit's change in a transaction with the others that are ready.
func (g *groups) apply(ctx context.Context, t *visit, r resources.Grouper, diff resources.Diff) error {
	m := &member{visit: t, res: r, diff: diff, lead: make(chan []*member, 1), done: make(chan error, 1)}
	g.mu.Lock()
	gr := g.get(t.e.Addr.Type)
	gr.waiting = append(gr.waiting, m)
	if joined, expected := gr.joined[t.e]; expected && !joined {
		gr.joined[t.e] = true
		gr.expected--
	}
	gr.flush()
	g.mu.Unlock()

	var all []*member
	var err error
	t.slot.Wait(func() {
		select {
		case all = <-m.lead:
		case err = <-m.done:
		}
	})
	if all == nil {
		return err
	}
	return g.run(ctx, t, gr, all)
}

// run is the transaction of all members, done by the visit of the first.
func (g *groups) run(ctx context.Context, t *visit, gr *group, all []*member) error {
	members := make([]resources.Member, len(all))
	for i, m := range all {
		members[i] = resources.Member{Resource: m.res.(resources.Resource), Diff: m.diff}
	}
	results := make(chan []error, 1)
	err := t.locked(ctx, func(ctx context.Context) error {
		errs := all[0].res.ApplyGroup(ctx, g.walk.recorded(t.e.Addr, nil), members)
		if len(errs) != len(all) {
			return fmt.Errorf("internal error: %d results for a group of %d", len(errs), len(all))
		}
		results <- errs
		return nil
	})
	g.mu.Lock()
	gr.busy = false
	gr.flush()
	g.mu.Unlock()
	errs := slices.Repeat([]error{err}, len(all))
	if err == nil {
		errs = <-results
	}
	for i, m := range all[1:] {
		m.done <- errs[i+1]
	}
	return errs[0]
}
