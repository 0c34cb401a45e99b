package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/view"
)

// Step is one wait of a cycle, and why it cannot end before the next: it needs a fact that the next one holds back, or (no
// fact) comes after it in the same run.
type Step struct {
	Node, Wait string
	Fact       string // of the next step's node
}

// Cycle is waits in a row, each kept from ending by the next, and the last by the first.
type Cycle []Step

// EachOther stands before a cycle where it is told, and is what it is found by in what another node told.
const EachOther = "nodes wait for each other: "

// String is the cycle as one line: "node01 wait.a needs y of node02 -> node02 wait.b needs x of node01 -> node01 wait.a".
func (c Cycle) String() string {
	var b strings.Builder
	for i, s := range c {
		next := c[(i+1)%len(c)]
		if s.Fact == "" {
			fmt.Fprintf(&b, "%s wait.%s comes after wait.%s -> ", s.Node, s.Wait, next.Wait)
		} else {
			fmt.Fprintf(&b, "%s wait.%s needs %s of %s -> ", s.Node, s.Wait, s.Fact, next.Node)
		}
	}
	fmt.Fprintf(&b, "%s wait.%s", c[0].Node, c[0].Wait)
	return b.String()
}

// cycles finds cycles of waits among the live runs: at least one for every set of waits that hold each other back. Waits
// for some of the named nodes (min) are left out: another node may do.
func cycles(v *view.View) []Cycle {
	s := searcher{v: v, state: map[waitID]int{}}
	for _, n := range v.Nodes() {
		if _, run := v.Node(n); run != nil && !run.Ended {
			for _, w := range run.Waits {
				s.visit(waitID{n, w.Name})
			}
		}
	}
	return s.found
}

// CycleOf finds a cycle that one wait of a live run is in, or hangs on.
func CycleOf(v *view.View, node, wait string) (Cycle, bool) {
	s := searcher{v: v, state: map[waitID]int{}, one: true}
	s.visit(waitID{node, wait})
	if len(s.found) == 0 {
		return nil, false
	}
	return s.found[0], true
}

type waitID struct{ node, wait string }

// searcher is a depth-first search over waits; an edge goes from a wait to one that must be over before it.
type searcher struct {
	v     *view.View
	state map[waitID]int // 0 unseen, 1 on the path, 2 done
	path  []Step
	found []Cycle
	one   bool
}

func (s *searcher) visit(id waitID) {
	w, ok := liveWait(s.v, id)
	if !ok || s.state[id] == 2 {
		return
	}
	if s.state[id] == 1 {
		from := slices.IndexFunc(s.path, func(p Step) bool { return p.Node == id.node && p.Wait == id.wait })
		s.found = append(s.found, slices.Clone(s.path[from:]))
		return
	}
	s.state[id] = 1
	s.path = append(s.path, Step{Node: id.node, Wait: id.wait})
	for fact, next := range s.edges(id.node, w) {
		if s.one && len(s.found) > 0 {
			break
		}
		s.path[len(s.path)-1].Fact = fact
		s.visit(next)
	}
	s.path = s.path[:len(s.path)-1]
	s.state[id] = 2
}

// edges yields what must be over before w: waits of its own run, and those that hold back the exports that it needs.
func (s *searcher) edges(self string, w record.Wait) func(func(string, waitID) bool) {
	return func(yield func(string, waitID) bool) {
		for _, b := range w.Behind {
			if !yield("", waitID{self, b}) {
				return
			}
		}
		nodes := w.Nodes
		if w.Group != "" {
			nodes = s.v.Members(w.Group)
		} else if w.Min > 0 && w.Min < len(nodes) {
			return
		}
		for _, n := range nodes {
			if satisfies(s.v, n, w) {
				continue
			}
			_, run := s.v.Node(n)
			if run == nil || run.Ended || s.v.Told(n, w.Fact, run) {
				continue
			}
			for _, b := range heldBack(run, w.Fact) {
				if !yield(w.Fact, waitID{n, b}) {
					return
				}
			}
		}
	}
}

// heldBack lists the waits of a run that hold back its export of a fact. One that it does not name comes from one of its blocks: these are
// the waits that hold back all of them.
func heldBack(run *record.Run, fact string) (waits []string) {
	for _, e := range run.Exports {
		if e.Fact == fact {
			return e.Behind
		}
	}
	for i, b := range run.Blocks {
		if i == 0 {
			waits = slices.Clone(b.Behind)
		}
		waits = slices.DeleteFunc(waits, func(w string) bool { return !slices.Contains(b.Behind, w) })
	}
	return waits
}

func satisfies(v *view.View, n string, w record.Wait) bool {
	f, ok := v.Fact(n, w.Fact)
	return ok && f.Stale == "" && f.Status == record.OK && w.Accepts(f.Value)
}

func liveWait(v *view.View, id waitID) (record.Wait, bool) {
	_, run := v.Node(id.node)
	if run == nil || run.Ended {
		return record.Wait{}, false
	}
	i := slices.IndexFunc(run.Waits, func(w record.Wait) bool { return w.Name == id.wait })
	if i < 0 {
		return record.Wait{}, false
	}
	return run.Waits[i], true
}

// Problem is a wait that cannot be met.
type Problem struct {
	Node, Wait string
	Why        string
}

// Check judges all waits of all live runs at once, for a seat that knows every node's plan before anything is touched. A node without a run for which
// never is true will not begin one; with nil, nodes that are not known yet may come.
func Check(v *view.View, never func(node string) bool) []Problem {
	var out []Problem
	for _, n := range v.Nodes() {
		_, run := v.Node(n)
		if run == nil || run.Ended {
			continue
		}
		for _, w := range run.Waits {
			d := Decide(v, w, Asker{Settled: true})
			possible := len(d.Have)
			for _, m := range d.Missing {
				if _, run := v.Node(m.Node); !m.Final && (run != nil || never != nil && !never(m.Node)) {
					possible++
				}
			}
			if d.State == Never || d.State == Waiting && never != nil && possible < d.Need {
				out = append(out, Problem{n, w.Name, d.String()})
			}
		}
	}
	for _, c := range cycles(v) {
		out = append(out, Problem{c[0].Node, c[0].Wait, EachOther + c.String()})
	}
	return out
}
