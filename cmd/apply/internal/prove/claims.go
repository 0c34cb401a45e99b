package prove

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/report"
)

// mostDeaths is at how many steps a rehearsal is killed at most.
const mostDeaths = 40

// idempotent converges twice in one box, and once more in another, to know what is never the same twice.
func (p *proof) idempotent(ctx context.Context) error {
	p.progress("in the order of declaration")
	order := part{Order: p.declared()}
	twice, err := p.rehearse(ctx, order, order)
	if err != nil {
		return err
	}
	defer twice.box.Remove()
	if p.base, err = p.rehearse(ctx, part{Order: order.Order, Watch: true}); err != nil {
		return err
	}
	again, err := p.rehearse(ctx, order)
	if err != nil {
		return err
	}
	for _, d := range p.base.state.against(again.state) {
		p.noise = append(p.noise, d.Name)
		p.open = append(p.open, Open{Name: d.Name, Reason: "it differs from one run of the same order to the next"})
		delete(p.base.state, d.Name)
	}
	p.unmanaged()
	c := Claim{Claim: "idempotent", Verdict: Proved, Summary: "a second run changes nothing"}
	for _, res := range twice.last().results {
		if res.Outcome != report.Changed && res.Outcome != report.Refreshed {
			continue
		}
		c.Verdict, c.Summary = Refuted, "a second run changes something"
		c.Counters = append(c.Counters, p.flaps(res, twice.runs[0].results))
	}
	p.claims = append(p.claims, c)
	return errors.Join(again.box.Remove(), p.base.box.Remove())
}

// unmanaged lists what a sandbox cannot do.
func (p *proof) unmanaged() {
	for _, res := range p.base.last().results {
		switch {
		case res.Outcome == report.Failed:
			p.open = append(p.open, Open{Name: res.Address.String(), Reason: "it fails in the sandbox: " + res.Error.Summary})
		case res.Outcome == report.Skipped:
			p.open = append(p.open, Open{Name: res.Address.String(), Reason: "skipped in the sandbox, because of " + res.Because})
		case res.Outcome == report.Pending && res.Noop:
			p.open = append(p.open, Open{Name: res.Address.String(), Reason: "not converged in the sandbox: noop, or a wait for other nodes"})
		case res.Outcome == report.Unchanged:
			p.open = append(p.open, Open{Name: res.Address.String(), Reason: "as declared already, so that nothing was done"})
		case p.base.last().modelled[res.Address] != nil:
			p.open = append(p.open, Open{Name: res.Address.String(), Reason: "only modelled: " + strings.Join(p.base.last().modelled[res.Address], ", ")})
		}
	}
}

// flaps describes a resource that a second run changes again.
func (p *proof) flaps(res *report.Result, first []*report.Result) Counter {
	x := Counter{Summary: "the second run changes it again", Resources: []Place{{res.Address.String(), res.Pos}}}
	told := func(run string, r *report.Result) {
		for _, c := range r.Changes {
			x.Summary += fmt.Sprintf("\n%s: %s: %q -> %q", run, c.Attribute, c.Before, c.After)
			if c.Diff != "" {
				x.Summary += "\n" + strings.TrimSuffix(c.Diff, "\n")
			}
		}
	}
	for _, r := range first {
		if r.Address == res.Address {
			told("first run", r)
		}
	}
	told("second run", res)
	if res.Reason != "" {
		x.Summary += "\n" + res.Reason
	}
	return x
}

// independent converges in random orders. Of the first that ends elsewhere it finds the two resources whose exchange makes the difference.
func (p *proof) independent(ctx context.Context) error {
	c := Claim{Claim: "order-independent", Verdict: Proved}
	seen := map[string]bool{}
	for i := range uint64(p.seeds) {
		order := p.random(p.seed + i)
		if seen[fmt.Sprint(order)] {
			continue
		}
		seen[fmt.Sprint(order)] = true
		p.progress("order %d of %d", i+1, p.seeds)
		t, err := p.rehearse(ctx, part{Order: order})
		if err != nil {
			return err
		}
		differ := p.base.state.against(t.state)
		if err := t.box.Remove(); err != nil {
			return err
		}
		if len(differ) == 0 {
			continue
		}
		x, err := p.shrink(ctx, order)
		if err != nil {
			return err
		}
		x.Again = fmt.Sprintf("apply prove --orders 1 --seed %d %s", p.seed+i, p.path)
		c.Verdict, c.Summary, c.Counters = Refuted, "an order that all relations allow ends in another state", []Counter{x}
		break
	}
	if p.orders = len(seen); c.Verdict == Proved {
		c.Summary = fmt.Sprintf("%d %s, of %d %s from %d on, end in the same state", p.orders, plural(p.orders, "order"), p.seeds, plural(p.seeds, "seed"), p.seed)
	}
	p.claims = append(p.claims, c)
	return nil
}

// shrink looks between the declared order and another that ends in another state for two neighbours whose exchange makes the difference.
func (p *proof) shrink(ctx context.Context, other []int) (Counter, error) {
	from := p.declared()
	states := map[int]state{0: p.base.state}
	at := func(n int) (state, error) {
		if s, ok := states[n]; ok {
			return s, nil
		}
		order, _, _ := graph.After(from, other, n)
		p.progress("between two orders: exchange %d", n)
		t, err := p.rehearse(ctx, part{Order: order})
		if err != nil {
			return nil, err
		}
		states[n] = t.state
		return t.state, t.box.Remove()
	}
	var failed error
	// Some exchange is the first after which the state is not that of the declared order: a search that halves finds one such.
	n := sort.Search(graph.Swaps(from, other), func(n int) bool {
		if failed != nil {
			return true
		}
		s, err := at(n)
		failed = err
		return err == nil && len(p.base.state.against(s)) > 0
	})
	before, err := at(max(n-1, 0))
	after, err2 := at(n)
	if err := errors.Join(failed, err, err2); err != nil {
		return Counter{}, err
	}
	_, first, second := graph.After(from, other, n)
	// Declared, or done so far, in this order: second, first.
	x := Counter{
		Summary:     "their order makes the difference, and nothing says which comes first",
		Resources:   []Place{p.place(second), p.place(first)},
		Differences: before.against(after),
	}
	if a, b := p.place(second), p.place(first); a.Address != "" && b.Address != "" {
		x.Missing = missing(a, b)
	}
	return x, nil
}

// place is where a vertex is declared; of a barrier there is nothing.
func (p *proof) place(v int) Place {
	if v < 0 || v >= len(p.catalog.Entries()) {
		return Place{}
	}
	e := p.catalog.Entries()[v]
	return Place{e.Addr.String(), e.Pos.String()}
}

// crashSafe kills rehearsals at their steps, and starts each again.
func (p *proof) crashSafe(ctx context.Context) error {
	base := p.base.last()
	deaths := spread(base.steps, mostDeaths)
	c := Claim{Claim: "crash-safe", Verdict: Proved, Summary: fmt.Sprintf("killed at %d of %d steps and started again: the same state, and no refresh is lost", len(deaths), base.steps)}
	if base.steps == 0 {
		c.Verdict, c.Summary = NotDecided, "nothing is to be changed on this node, so there is nothing to kill"
	}
	order := p.declared()
	for _, n := range deaths {
		t, err := p.begin()
		if err != nil {
			return err
		}
		p.progress("killed at step %d of %d", n, base.steps)
		if err := t.perform(ctx, part{Order: order, DieAt: n}); err != nil {
			return err
		}
		if err := t.perform(ctx, part{Order: order}); err != nil {
			return err
		}
		if err := errors.Join(t.look(&p.theatre), t.box.Remove()); err != nil {
			return err
		}
		if x, ok := p.harmed(t, n); ok {
			c.Verdict, c.Summary = Refuted, "a run that is killed and started again ends elsewhere"
			c.Counters = []Counter{x}
			break
		}
	}
	p.claims = append(p.claims, c)
	return nil
}

// harmed says what a death at step n did that another run did not mend.
func (p *proof) harmed(t *trial, n int) (Counter, bool) {
	x := Counter{Summary: fmt.Sprintf("killed at step %d of %d", n, p.base.last().steps), Differences: p.base.state.against(t.state)}
	for _, want := range p.base.last().results {
		if want.Outcome == report.Refreshed || want.Refreshed {
			if !t.refreshed(want.Address.String()) {
				x.Resources = append(x.Resources, Place{want.Address.String(), want.Pos})
			}
		}
	}
	if len(x.Resources) > 0 {
		x.Summary += ": a refresh is lost"
	}
	return x, len(x.Differences)+len(x.Resources) > 0
}

// refreshed says whether a resource was refreshed in one of the runs, or changed, as a service that was started anew.
func (t *trial) refreshed(address string) bool {
	return slices.ContainsFunc(t.runs, func(r run) bool {
		return slices.Contains(r.settled, address) || slices.ContainsFunc(r.results, func(res *report.Result) bool {
			return res.Address.String() == address && (res.Refreshed || res.Outcome == report.Refreshed || res.Outcome == report.Changed)
		})
	})
}

// spread picks most numbers at most from 1 to n, evenly.
func spread(n, most int) []int {
	var out []int
	for i := range min(n, most) {
		out = append(out, 1+i*n/min(n, most))
	}
	return out
}
