package joint

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/report"
)

// Progress is how far many nodes are, for a terminal. It may be used by several goroutines.
type Progress struct {
	Total int // nodes

	mu     sync.Mutex
	begun  time.Time
	now    []active // in the order of their beginnings: the slowest first
	ended  int
	failed int
}

type active struct {
	node  *Node
	since time.Time
}

// Begun enters a node that begins.
func (p *Progress) Begun(n *Node, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = append(p.now, active{n, at})
}

// Ended enters a node that has ended, and returns how many have.
func (p *Progress) Ended(n *Node, ok bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = slices.DeleteFunc(p.now, func(a active) bool { return a.node == n })
	p.ended++
	if !ok {
		p.failed++
	}
	return p.ended
}

// Lines are at most so many lines of how it stands: the nodes that run longest, then the counts.
func (p *Progress) Lines(now time.Time, most int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.begun = now
	}
	if p.ended == p.Total {
		return nil
	}
	var out []string
	waiting := 0
	for i, a := range p.now {
		d := a.node.Doing()
		if d.Waiting != "" {
			waiting++
		}
		if i < most-1 {
			out = append(out, "  "+a.line(d, now))
		}
	}
	work := fmt.Sprintf("%d at work", len(p.now)-waiting)
	if len(p.now)+p.ended == 0 { // all are connected, and brought what they need, before the first begins
		work = "getting ready"
	}
	s := fmt.Sprintf("%d of %d nodes done, %s", p.ended, p.Total, work)
	if waiting > 0 {
		s += fmt.Sprintf(", %d waiting", waiting)
	}
	if p.failed > 0 {
		s += fmt.Sprintf(", %d failed", p.failed)
	}
	return append(out, s+fmt.Sprintf(", %v", now.Sub(p.begun).Truncate(time.Second)))
}

func (a active) line(d Doing, now time.Time) string {
	s := a.node.Node
	switch {
	case d.Resources == 0:
		s += ": begins"
	case d.Ended == 0:
		s += fmt.Sprintf(": looks at %d resources", d.Resources)
	default:
		s += fmt.Sprintf(": %d of %d done", d.Ended, d.Resources)
	}
	s += fmt.Sprintf(", %v", now.Sub(a.since).Truncate(time.Second))
	if d.Failed > 0 {
		s += fmt.Sprintf(", %d failed", d.Failed)
	}
	if d.Waiting != "" {
		s += ", " + report.Printable(d.Waiting)
	}
	return s
}
