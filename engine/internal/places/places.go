// Package places is the node's side of limits: which places it holds, who shares them, and when one is given back.
package places

import (
	"context"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// Places are the places that a converge holds in limits. A place is the node's: all that is inside the same limit shares it. The zero value holds none;
// it may be used by several goroutines.
type Places struct {
	mu      sync.Mutex
	held    map[int]*holding          // by the limit's vertex
	entered map[*catalog.Section]bool // and not ended
	ended   map[*catalog.Section]int  // how many of its members
}

type holding struct {
	place    resources.Place // nil: the limit does not concern this node
	sections int             // that are inside
}

// Join lets a section share the place that the node holds already. The error says that it was lost.
func (p *Places) Join(s *catalog.Section) (place resources.Place, held bool, err error) {
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

// Take takes note of the place, nil perhaps, that a section was given.
func (p *Places) Take(s *catalog.Section, place resources.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held, p.entered = map[int]*holding{}, map[*catalog.Section]bool{}
	}
	p.held[s.Limit] = &holding{place: place, sections: 1}
	p.entered[s] = true
}

// Ended is told that a member of a section has ended. It returns the place that is to be given back, because it was the last who needed it: nil for none.
func (p *Places) Ended(s *catalog.Section) resources.Place {
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
	return h.place
}
