package tree

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// fanout is how many children a node has, and the seat in each segment: in a network where all have the same uplink two take least time for hundreds.
const fanout = 2

// A node waits for its parent's first chunk so long, and so much longer for each level between it and the seat: the one next to a source that
// is late notices first, and those behind it have what they want before they notice.
const (
	basePatience  = 5 * time.Second
	levelPatience = 3 * time.Second
)

// Tree is the seat's: it says from whom nodes get a content, in the order in which they come. Nodes of different segments do not reach each other.
type Tree struct {
	mu       sync.Mutex
	segments map[string]*segment
	joined   int
}

type segment struct {
	atSeat  int // members that get the content from the seat
	members []*Member
}

// Member is a node in the tree.
type Member struct {
	Source

	tree      *Tree
	segment   *segment
	parent    *Member // nil: the seat
	depth     int
	children  int
	gone      bool          // takes no more children
	childless chan struct{} // closed when it is gone and has none
}

// NewTree makes an empty one.
func NewTree() *Tree { return &Tree{segments: map[string]*segment{}} }

// Server is a name for the certificate of the next node.
func (t *Tree) Server() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.joined++
	return fmt.Sprintf("node%d.apply.invalid", t.joined)
}

// Join gives a node its place; without an Address it has no children. It gets the content from the sources, in this order, and at last from the seat.
func (t *Tree) Join(segmentName string, src Source) (m *Member, sources []Source, patience time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.segments[segmentName]
	if s == nil {
		s = &segment{}
		t.segments[segmentName] = s
	}
	m = &Member{Source: src, tree: t, segment: s, gone: src.Address == "", childless: make(chan struct{})}
	if s.atSeat >= fanout {
		m.parent = s.free()
	}
	if m.parent == nil {
		s.atSeat++
	} else {
		m.parent.children++
		m.depth = m.parent.depth + 1
	}
	for p := m.parent; p != nil; p = p.parent {
		if !p.gone {
			sources = append(sources, p.Source)
		}
	}
	s.members = append(s.members, m)
	return m, sources, basePatience + time.Duration(m.depth)*levelPatience
}

// free is the member next to the seat that can have one more child.
func (s *segment) free() *Member {
	var best *Member
	for _, m := range s.members {
		if !m.gone && m.children < fanout && (best == nil || m.depth < best.depth) {
			best = m
		}
	}
	return best
}

// Got says that a node has the content, or will not get it: its place at its parent is free.
func (m *Member) Got() {
	m.tree.mu.Lock()
	defer m.tree.mu.Unlock()
	if m.parent == nil {
		m.segment.atSeat--
		return
	}
	m.parent.children--
	m.parent.release()
}

// Drop takes a node out of the tree that has failed: its children find another source by themselves.
func (m *Member) Drop() {
	m.tree.mu.Lock()
	defer m.tree.mu.Unlock()
	m.gone = true
}

// Leave takes a node out of the tree: it gets no more children. It returns when those that it has need it no more, or ctx ends.
func (m *Member) Leave(ctx context.Context) {
	m.tree.mu.Lock()
	m.gone = true
	m.release()
	m.tree.mu.Unlock()
	select {
	case <-m.childless:
	case <-ctx.Done():
	}
}

func (m *Member) release() {
	if m.gone && m.children == 0 {
		select {
		case <-m.childless:
		default:
			close(m.childless)
		}
	}
}
