package figures

import (
	"fmt"
	"strings"

	"github.com/nodeapply/apply/bench/state"
)

// targets sets what is to be reached beside what is.
func (r *Results) targets(b *strings.Builder) {
	b.WriteString("\n## What is to be reached\n\nProcessor time where nothing else is said.\n")
	table(b, "target", "at most", "measured", "reached")
	reach := func(what string, most, got float64, unit string) {
		yes := "yes"
		if got > most {
			yes = "**no**"
		}
		row(b, what, fmt.Sprintf("%.3g%s", most, unit), fmt.Sprintf("%.3g%s", got, unit), yes)
	}
	if c, ok := r.get("apply", state.Nothing, 0); ok {
		reach("start-up with an empty manifest, by the clock", 20, 1000*c.Again.Wall, " ms")
		reach("and its memory", 30, float64(c.Again.RSS)/1024, " MiB")
	}
	for _, shape := range []string{state.Inline, state.Source, state.Each, state.Mixed, state.Chain, state.Fan} {
		for _, n := range []int{1000, 10_000} {
			c, ok := r.get("apply", shape, n)
			f, ok2 := r.floors(shape, n)
			if ok && ok2 {
				reach(fmt.Sprintf("nothing to do, %s, %d", shape, n), r.bound(f), c.Again.CPU, " s")
			}
		}
	}
	for _, shape := range []string{state.Inline, state.Source, state.Each} {
		for _, n := range []int{1000, 10_000} {
			c, ok := r.get("apply", shape, n)
			f, ok2 := r.floors(shape, n)
			if ok && ok2 {
				reach(fmt.Sprintf("first run by the clock, %s, %d", shape, n), 1.5*f.Durable.Wall, c.First.Wall, " s")
			}
		}
	}
	for _, shape := range state.Shapes() {
		if e, from, to := r.exponent(shape); to > 0 {
			reach(fmt.Sprintf("exponent of cost, %s, %d to %d", shape, from, to), 1.1, e, "")
		}
	}
	for _, shape := range []string{state.Inline, state.Source, state.Chain, state.Fan, state.Each} {
		for _, n := range []int{100_000, 10_000} {
			if c, ok := r.get("apply", shape, n); ok {
				reach(fmt.Sprintf("memory of a resource beyond HCL's tree, %s, %d", shape, n), 4096, float64(c.PerResource), " B")
				break
			}
		}
	}
	touched, processes := 0, 0
	for _, c := range r.Cells {
		if c.Tool == "apply" && c.Shape != state.Mixed {
			touched, processes = touched+c.Touched+c.Read, processes+c.Processes
		}
	}
	reach("inodes touched by all runs with nothing to do", 0, float64(touched), "")
	reach("processes started by them", 0, float64(processes), "")
	r.ahead(b)
}

// ahead compares with the peers.
func (r *Results) ahead(b *strings.Builder) {
	b.WriteString("\nNothing to do, how many times less than a peer:\n")
	table(b, "peer", "shape", "N", "at least", "measured", "reached")
	for _, t := range []struct {
		peer, shape string
		least       float64
	}{
		{"cfengine", state.Inline, 1.4}, {"cfengine", state.Source, 5}, {"cfengine", state.Each, 15},
		{"puppet", state.Inline, 10}, {"puppet", state.Source, 40}, {"puppet", state.Each, 150},
		{"ansible", state.Inline, 1000},
	} {
		for _, n := range []int{10_000, 1000, 100} {
			own, ok := r.get("apply", t.shape, n)
			peer, ok2 := r.get(t.peer, t.shape, n)
			if !ok || !ok2 {
				continue
			}
			yes, times := "yes", peer.Again.CPU/own.Again.CPU
			if times < t.least {
				yes = "**no**"
			}
			row(b, t.peer, t.shape, fmt.Sprint(n), fmt.Sprintf("%gx", t.least), fmt.Sprintf("%.3gx", times), yes)
			break
		}
	}
}
