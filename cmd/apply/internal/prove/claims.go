package prove

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/verdict"
	"github.com/nodeapply/apply/report"
)

// mostDeaths is at how many steps a rehearsal is killed at most.
const mostDeaths = 40

// idempotent converges twice in one box, and once more in another, to know what is never the same twice.
func (p *proof) idempotent(ctx context.Context) error {
	p.progress("in the order of declaration")
	order := rehearsal.Part{Order: p.declared()}
	twice, err := p.Rehearse(ctx, order, order)
	if err != nil {
		return err
	}
	defer twice.Remove()
	if p.base, err = p.Rehearse(ctx, rehearsal.Part{Order: order.Order, Watch: true}); err != nil {
		return err
	}
	again, err := p.Rehearse(ctx, order)
	if err != nil {
		return err
	}
	for _, d := range p.base.State.Against(again.State) {
		p.Noise = append(p.Noise, d.Name)
		p.open = append(p.open, verdict.Open{Name: d.Name, Reason: "it differs from one run of the same order to the next"})
		delete(p.base.State, d.Name)
	}
	p.unmanaged()
	c := verdict.Claim{Claim: "idempotent", Verdict: verdict.Proved, Summary: "a second run changes nothing"}
	for _, res := range twice.Last().Results {
		if res.Outcome != report.Changed && res.Outcome != report.Refreshed {
			continue
		}
		c.Verdict, c.Summary = verdict.Refuted, "a second run changes something"
		c.Counters = append(c.Counters, p.flaps(res, twice.Runs[0].Results))
	}
	p.claims = append(p.claims, c)
	return errors.Join(again.Remove(), p.base.Remove())
}

// unmanaged lists what a sandbox cannot do.
func (p *proof) unmanaged() {
	for _, res := range p.base.Last().Results {
		var reason string
		switch modelled := p.base.Last().Modelled[res.Address]; {
		case res.Outcome == report.Failed:
			reason = "it fails in the sandbox: " + res.Error.Summary
		case res.Outcome == report.Skipped:
			reason = "skipped in the sandbox, because of " + res.Because
		case res.Outcome == report.Pending && res.Noop:
			reason = "not converged in the sandbox: noop, a wait for other nodes, or a service of a node without systemd"
		case res.Outcome == report.Unchanged:
			reason = "as declared already, so that nothing was done"
		case modelled != nil:
			reason = "only modelled: " + strings.Join(modelled, ", ")
		default:
			continue
		}
		p.open = append(p.open, verdict.Open{Name: res.Address.String(), Reason: reason})
	}
}

// flaps describes a resource that a second run changes again.
func (p *proof) flaps(res *report.Result, first []*report.Result) verdict.Counter {
	x := verdict.Counter{Summary: "the second run changes it again", Resources: []verdict.Place{{Address: res.Address.String(), Pos: res.Pos}}}
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
	c := verdict.Claim{Claim: "order-independent", Verdict: verdict.Proved}
	seen := map[string]bool{}
	for i := range uint64(p.seeds) {
		order := p.random(p.seed + i)
		if seen[fmt.Sprint(order)] {
			continue
		}
		seen[fmt.Sprint(order)] = true
		p.progress("order %d of %d", i+1, p.seeds)
		t, err := p.Rehearse(ctx, rehearsal.Part{Order: order})
		if err != nil {
			return err
		}
		differ := p.base.State.Against(t.State)
		if err := t.Remove(); err != nil {
			return err
		}
		if len(differ) == 0 {
			continue
		}
		x, err := p.shrink(ctx, order)
		if err != nil {
			return err
		}
		x.Again = fmt.Sprintf("apply prove --orders 1 --seed %d %s%s", p.seed+i, report.Word(p.path), p.flags)
		c.Verdict, c.Summary, c.Counters = verdict.Refuted, "an order that all relations allow ends in another state", []verdict.Counter{x}
		break
	}
	if p.orders = len(seen); c.Verdict == verdict.Proved {
		c.Summary = fmt.Sprintf("%d %s, of %d %s from %d on, end in the same state", p.orders, verdict.Plural(p.orders, "order"), p.seeds, verdict.Plural(p.seeds, "seed"), p.seed)
	}
	p.claims = append(p.claims, c)
	return nil
}

// shrink looks between the declared order and another that ends in another state for two neighbours whose exchange makes the difference.
func (p *proof) shrink(ctx context.Context, other []int) (verdict.Counter, error) {
	from := p.declared()
	states := map[int]rehearsal.State{0: p.base.State}
	at := func(n int) (rehearsal.State, error) {
		if s, ok := states[n]; ok {
			return s, nil
		}
		order, _, _ := exchanged(from, other, n)
		p.progress("between two orders: exchange %d", n)
		t, err := p.Rehearse(ctx, rehearsal.Part{Order: order})
		if err != nil {
			return nil, err
		}
		states[n] = t.State
		return t.State, t.Remove()
	}
	var failed error
	// Some exchange is the first after which the state is not that of the declared order: a search that halves finds one such.
	n := sort.Search(exchanges(from, other), func(n int) bool {
		if failed != nil {
			return true
		}
		s, err := at(n)
		failed = err
		return err == nil && len(p.base.State.Against(s)) > 0
	})
	before, err := at(max(n-1, 0))
	after, err2 := at(n)
	if err := errors.Join(failed, err, err2); err != nil {
		return verdict.Counter{}, err
	}
	_, second, first := exchanged(from, other, n) // as they are after the exchange
	x := verdict.Counter{
		Summary:     "their order makes the difference, and nothing says which comes first",
		Resources:   []verdict.Place{p.place(first), p.place(second)},
		Differences: before.Against(after),
	}
	if a, b := p.place(first), p.place(second); a.Address != "" && b.Address != "" {
		x.Missing = edge(x.Differences, a, b)
	}
	return x, nil
}

// edge is the relation that is missing where two neighbours, declared in this order, make these differences by being exchanged.
func edge(differ []rehearsal.Difference, first, second verdict.Place) string {
	fail := 0 // by how many resources more in the order of declaration
	for _, d := range differ {
		if strings.HasPrefix(d.First, rehearsal.Failed) {
			fail++
		}
		if strings.HasPrefix(d.Second, rehearsal.Failed) {
			fail--
		}
	}
	if fail > 0 {
		return fmt.Sprintf("require = [%s] in %s (%s), as it does not fail in this order", second.Address, first.Address, first.Pos)
	}
	return missing(first, second)
}

// place is where a vertex is declared; of a barrier there is nothing.
func (p *proof) place(v int) verdict.Place {
	if v < 0 || v >= len(p.catalog.Entries()) {
		return verdict.Place{}
	}
	e := p.catalog.Entries()[v]
	return verdict.Place{Address: e.Addr.String(), Pos: e.Pos.String()}
}

// crashSafe kills rehearsals at their steps, and starts each again.
func (p *proof) crashSafe(ctx context.Context) error {
	base := p.base.Last()
	deaths := spread(base.Steps, mostDeaths)
	c := verdict.Claim{Claim: "crash-safe", Verdict: verdict.Proved, Summary: fmt.Sprintf("killed at %d of %d steps and started again: the same state, and no refresh is lost", len(deaths), base.Steps)}
	if base.Steps == 0 {
		c.Verdict, c.Summary = verdict.NotDecided, "nothing is to be changed on this node, so there is nothing to kill"
	}
	order := p.declared()
	for _, n := range deaths {
		t, err := p.Begin()
		if err != nil {
			return err
		}
		p.progress("killed at step %d of %d", n, base.Steps)
		if err := t.Perform(ctx, rehearsal.Part{Order: order, DieAt: n}); err != nil {
			return err
		}
		if err := t.Perform(ctx, rehearsal.Part{Order: order}); err != nil {
			return err
		}
		if err := errors.Join(t.Look(p.Theatre), t.Remove()); err != nil {
			return err
		}
		if x, ok := p.harmed(t, n); ok {
			c.Verdict, c.Summary = verdict.Refuted, "a run that is killed and started again ends elsewhere"
			c.Counters = []verdict.Counter{x}
			break
		}
	}
	p.claims = append(p.claims, c)
	return nil
}

// harmed says what a death at step n did that another run did not mend.
func (p *proof) harmed(t *rehearsal.Trial, n int) (verdict.Counter, bool) {
	x := verdict.Counter{Summary: fmt.Sprintf("killed at step %d of %d", n, p.base.Last().Steps), Differences: p.base.State.Against(t.State)}
	for _, want := range p.base.Last().Results {
		if want.Outcome == report.Refreshed || want.Refreshed {
			if !t.Refreshed(want.Address.String()) {
				x.Resources = append(x.Resources, verdict.Place{Address: want.Address.String(), Pos: want.Pos})
			}
		}
	}
	if len(x.Resources) > 0 {
		x.Summary += ": a refresh is lost"
	}
	return x, len(x.Differences)+len(x.Resources) > 0
}

// spread picks most numbers at most from 1 to n, evenly.
func spread(n, most int) []int {
	var out []int
	for i := range min(n, most) {
		out = append(out, 1+i*n/min(n, most))
	}
	return out
}
