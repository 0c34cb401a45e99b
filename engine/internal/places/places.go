// Package places is the node's side of limits: which places it holds, who shares them, and when one is given back.
package places

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/lock"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Places are the places that a converge holds in limits. A place is the node's: all that is inside the same limit shares it. The zero value holds none;
// it may be used by several goroutines.
type Places struct {
	turns   lock.Locks // by the limit's name: who comes at the same time waits for one place, not each for its own
	taken   lock.Locks // by the limit's name, from before a place is taken until it is given back
	mu      sync.Mutex
	held    map[int]*holding          // by the limit's vertex
	entered map[*catalog.Section]bool // and not ended
	ended   map[*catalog.Section]int  // how many of its members

	troubles []error
}

type holding struct {
	place    resources.Place // nil: the limit does not concern this node
	sections int             // that are inside
	release  func()          // of what is taken
}

// Enter enters the limits of sections, one after the other. For those in which the node holds no place as yet it calls wait, which returns when there is
// one, nil where the limit does not concern the node; waited says that it did. An error is that of wait, or that a place was lost.
func (p *Places) Enter(ctx context.Context, slot graph.Slot, sections []*catalog.Section, wait func(*catalog.Section) (resources.Place, error)) (in Inside, waited bool, err error) {
	for _, s := range sections {
		place, now, err := p.enter(ctx, slot, s, wait)
		if err != nil {
			return in, waited, err
		}
		waited = waited || now
		if place != nil {
			in = append(in, inside{s.Name, place})
		}
	}
	return in, waited, nil
}

func (p *Places) enter(ctx context.Context, slot graph.Slot, s *catalog.Section, wait func(*catalog.Section) (resources.Place, error)) (place resources.Place, waited bool, err error) {
	release, err := p.turns.Acquire(ctx, slot, []string{s.Name})
	if err != nil {
		return nil, false, err
	}
	defer release()
	if place, held, err := p.join(s); held {
		return place, false, err
	}
	back, err := p.taken.Acquire(ctx, slot, []string{s.Name})
	if err != nil {
		return nil, false, err
	}
	slot.Wait(func() { place, err = wait(s) })
	if err != nil {
		back()
		return nil, false, err
	}
	p.take(s, &holding{place: place, sections: 1, release: back})
	return place, true, nil
}

// join lets a section share the place that the node holds already. The error says that it was lost.
func (p *Places) join(s *catalog.Section) (place resources.Place, held bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[s.Limit]
	if h == nil {
		return nil, false, nil
	}
	if !p.entered[s] {
		p.entered[s] = true
		h.sections++
	}
	if h.place != nil {
		err = context.Cause(h.place.Inside())
	}
	return h.place, true, err
}

// take takes note of the place that a section was given.
func (p *Places) take(s *catalog.Section, h *holding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held, p.entered = map[int]*holding{}, map[*catalog.Section]bool{}
	}
	p.held[s.Limit] = h
	p.entered[s] = true
}

// Ended is told that a member of each of the sections has ended, and gives back the places that they were the last to need, whether or not ctx has ended.
func (p *Places) Ended(ctx context.Context, slot graph.Slot, sections []*catalog.Section) {
	for _, s := range sections {
		h := p.last(s)
		if h == nil {
			continue
		}
		if err := leave(context.WithoutCancel(ctx), slot, h.place); err != nil {
			p.mu.Lock()
			p.troubles = append(p.troubles, err)
			p.mu.Unlock()
		}
		h.release()
	}
}

// leave gives a place back. Where it was lost, what was going on inside has failed with that.
func leave(ctx context.Context, slot graph.Slot, place resources.Place) (err error) {
	if place == nil {
		return nil
	}
	lost := context.Cause(place.Inside()) != nil
	slot.Wait(func() { err = place.Leave(ctx) })
	if lost {
		return nil
	}
	return err
}

// Troubles lists why places could not be given back. No resource fails by it.
func (p *Places) Troubles() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.troubles
}

// last is told that a member of a section has ended. It returns what is to be given back, because it was the last who needed it: nil for nothing.
func (p *Places) last(s *catalog.Section) *holding {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = map[*catalog.Section]int{}
	}
	p.ended[s]++
	if p.ended[s] < len(s.Members) || !p.entered[s] {
		return nil
	}
	h := p.held[s.Limit]
	if h.sections--; h.sections > 0 {
		return nil
	}
	delete(p.held, s.Limit)
	return h
}

// Inside are the places that one resource is inside of, in the order in which they were entered.
type Inside []inside

type inside struct {
	limit string
	place resources.Place
}

// Host is h, whose commands that may change the node learn of the places.
func (in Inside) Host(h host.Host) host.Host {
	if len(in) == 0 {
		return h
	}
	return &fenced{Host: h, env: in.env()}
}

// env is what commands learn of the places: APPLY_FENCE_LIMIT is the number of each, APPLY_FENCE that of the last.
func (in Inside) env() []string {
	var env []string
	for _, i := range in {
		env = append(env, fmt.Sprintf("APPLY_FENCE_%s=%d", strings.ToUpper(i.limit), i.place.Number()))
	}
	if n := len(in); n > 0 {
		env = append(env, fmt.Sprintf("APPLY_FENCE=%d", in[n-1].place.Number()))
	}
	return env
}

// Context returns a context that ends when one of the places is lost; done, which the caller calls, ends it.
func (in Inside) Context(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var stops []func() bool
	for _, i := range in {
		stops = append(stops, context.AfterFunc(i.place.Inside(), func() { cancel(context.Cause(i.place.Inside())) }))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// fenced is a host whose commands have env in their environment.
type fenced struct {
	host.Host
	env []string
}

func (f *fenced) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	c.Env = slices.Concat(c.Env, f.env)
	return f.Host.Run(ctx, c)
}

// Hold implements [host.Holder].
func (f *fenced) Hold(name string) (host.Folder, error) { return host.Hold(f.Host, name), nil }
