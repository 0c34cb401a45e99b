package manifest

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources"
)

// maxChain bounds how many values may stand on each other's shoulders before one of them is known.
const maxChain = 20_000

// run is one evaluation: the compilation, which fills the cells, or the binding of a deferred entry, which sees late values and leaves the cells alone.
type run struct {
	c    *compiler
	late catalog.Values // nil while compiling
	// blind: what the run did not give is unknown and not null, and ungiven lists whose values these are.
	blind   bool
	ungiven []resources.Address
	memo    map[*cell]*cell
	stack   []*cell
	diags   hcl.Diagnostics
}

// cell is a named value, computed when it is first asked for.
type cell struct {
	what    string
	at      *hcl.Range
	compute func(*run) result
	state   cellState
	result
}

type cellState uint8

const (
	fresh cellState = iota
	running
	done
)

// result is what an expression came to.
type result struct {
	val  cty.Value
	deps deps
	ok   bool // false: a mistake was reported
}

// failed stands for a value that could not be had.
func failed() result { return result{val: cty.DynamicVal} }

// get computes a cell once.
func (r *run) get(c *cell) *result {
	if r.late != nil && (c.state != done || !decode.Known(c.val)) {
		again := r.memo[c]
		if again == nil {
			again = &cell{what: c.what, at: c.at, compute: c.compute}
			r.memo[c] = again
		}
		c = again
	}
	switch {
	case c.state == done:
	case c.state == running:
		r.cycle(c)
		return &result{val: cty.DynamicVal}
	case len(r.stack) >= maxChain:
		r.errorf(c.at, "Over the limit", "More than %d values refer to each other in one chain, which is over the limit.", maxChain)
		return &result{val: cty.DynamicVal}
	default:
		r.c.step()
		c.state = running
		r.c.at.Set(c.at)
		r.stack = append(r.stack, c)
		c.result = c.compute(r)
		r.stack = r.stack[:len(r.stack)-1]
		c.state = done
	}
	return &c.result
}

// cycle reports the chain that leads from a cell back to itself.
func (r *run) cycle(c *cell) {
	chain := r.stack[slices.Index(r.stack, c):]
	names := make([]string, 0, len(chain)+1)
	for _, link := range chain {
		names = append(names, link.what)
	}
	names = append(names, c.what)
	if len(chain) == 1 {
		r.errorf(c.at, "Cycle", "`%s` refers to itself.", c.what)
		return
	}
	r.errorf(c.at, "Cycle", "These refer to each other in a circle: %s.", strings.Join(names, " -> "))
}

func (r *run) errorf(at *hcl.Range, summary, detail string, args ...any) {
	r.diags = append(r.diags, diag.Errorf(at, summary, detail, args...))
}

// dep is a resource that a value was made of.
type dep struct {
	addr resources.Address
	late bool // a value of it that only the run gives, is in there
	at   *hcl.Range
}

type deps []dep

// add joins two sets.
func (d deps) add(more deps) deps {
	for _, m := range more {
		i := slices.IndexFunc(d, func(x dep) bool { return x.addr == m.addr })
		if i < 0 {
			d = append(d[:len(d):len(d)], m)
		} else if m.late && !d[i].late {
			d = slices.Clone(d)
			d[i].late = true
		}
	}
	return d
}

// lateOnes lists what a value waits for.
func (d deps) lateOnes() []resources.Address {
	var out []resources.Address
	for _, x := range d {
		if x.late {
			out = append(out, x.addr)
		}
	}
	return out
}
