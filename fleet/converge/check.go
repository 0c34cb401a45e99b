package converge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/nodeset"
)

// names refuses nodes that are one machine, that go by one name among the others, or by the name of another node of the inventory.
func (r *run) names() {
	machines := map[string][]string{}
	for _, n := range r.nodes {
		if first := r.of(n.Name).twin; first != "" {
			machines[first] = append(machines[first], n.Name)
		}
	}
	for first, others := range machines {
		if !slices.ContainsFunc(r.nodes, func(n fleet.Node) bool { return n.Name == first }) {
			continue // no node of this run: its answer is its own affair
		}
		err := &fleet.JobError{Err: fmt.Errorf("%s are the same machine: give it one name", strings.Join(append([]string{first}, others...), ", "))}
		for _, n := range append(others, first) {
			r.of(n).err = err
		}
	}
	by := map[string][]string{}
	inventory := map[string]bool{}
	for _, n := range r.nodes {
		inventory[n.Name] = true
		if p := r.of(n.Name); p.part != nil && p.err == nil {
			by[p.part.Node] = append(by[p.part.Node], n.Name)
		}
	}
	for said, who := range by {
		for _, n := range who {
			p := r.of(n)
			switch {
			case len(who) > 1:
				p.err = &fleet.JobError{Err: fmt.Errorf("%w: %s go by the name %s (fact.hostname)", exchange.ErrTwins, strings.Join(who, ", "), said)}
			case said != n && inventory[said]:
				p.err = &fleet.JobError{Err: fmt.Errorf("goes by the name %s (fact.hostname), which is another node's", said)}
			}
		}
	}
}

// CheckError says that waits between nodes cannot come true. Nothing was touched.
type CheckError struct {
	Problems []verdict.Problem
	Late     bool // they could without batches
}

// Error is a line for each problem, with the folded names of the nodes that have it.
func (e *CheckError) Error() string {
	var b strings.Builder
	b.WriteString("nothing was touched, as waits between nodes cannot come true")
	if e.Late {
		b.WriteString(" in batches (give a larger --batch)")
	}
	nodes := map[string][]string{}
	var whys []string
	for _, p := range e.Problems {
		why := fmt.Sprintf("wait.%s: %s", p.Wait, p.Why)
		if nodes[why] == nil {
			whys = append(whys, why)
		}
		nodes[why] = append(nodes[why], p.Node)
	}
	for _, why := range whys {
		fmt.Fprintf(&b, "\n  %s: %s", nodeset.Fold(nodes[why]), why)
	}
	return b.String()
}

// check judges the waits of all nodes, as a whole and then batch by batch. What a node that failed already would have exported is not known: whoever waits for
// it fails when its turn comes, and others go on.
func (r *run) check() error {
	if r.Partial {
		return nil
	}
	if problems := verdict.Check(r.view(len(r.nodes)), r.never()); len(problems) > 0 {
		return &CheckError{Problems: problems}
	}
	if !r.meets() {
		return nil
	}
	for end := r.Batch; end < len(r.nodes) && r.Batch > 0; end += r.Batch {
		if problems := verdict.Check(r.view(end), r.never()); len(problems) > 0 {
			return &CheckError{Problems: problems, Late: true}
		}
	}
	return nil
}

// never tells whether a node without a run is known not to begin one. Where an exchange is configured others may take part.
func (r *run) never() func(string) bool {
	if r.configured() {
		return nil
	}
	var failed []string
	for _, n := range r.nodes {
		if r.of(n.Name).err != nil {
			failed = append(failed, n.Name)
		}
	}
	return func(node string) bool { return !slices.Contains(failed, node) }
}

// view is what the exchange would say if the first nodes had begun and done nothing yet.
func (r *run) view(begun int) *view.View {
	v := view.New(exchange.DefaultDeployment)
	for i, n := range r.nodes {
		p := r.of(n.Name)
		if p.part == nil || p.err != nil {
			v.SetNode(n.Name, &record.Node{Groups: n.Groups})
			continue
		}
		v.SetNode(p.part.Node, &record.Node{Groups: p.part.Groups})
		if i < begun {
			v.SetRun(p.part.Node, &record.Run{Exports: p.part.Exports, Blocks: p.part.Blocks, Waits: p.part.Waits}, 1)
		}
	}
	return v
}

// configured says that the nodes that have to do with others have an exchange already.
func (r *run) configured() bool {
	if r.Exchange != "" {
		return true
	}
	any := false
	for _, n := range r.nodes {
		if p := r.of(n.Name); p.together() {
			if any = true; p.part.Exchange == "" {
				return false
			}
		}
	}
	return any
}

// meets says that the run needs an exchange of its own; a plan needs it to see the facts of the last run.
func (r *run) meets() bool {
	return !r.configured() && slices.ContainsFunc(r.nodes, func(n fleet.Node) bool {
		p := r.of(n.Name)
		return p.err == nil && p.part != nil && len(p.part.Waits)+len(p.part.Limits) > 0
	})
}
