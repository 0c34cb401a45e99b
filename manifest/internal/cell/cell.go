// Package cell computes the values that have names (variables, locals, outputs, resources as expressions see them) when they are first
// asked for, each once, and finds those that are made of themselves.
package cell

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

// Cell is a named value.
type Cell struct {
	what    string
	at      *hcl.Range
	compute func(*Run) Result
	state   state
	result  Result
	found   hcl.Diagnostics // what is wrong with it
}

type state uint8

const (
	fresh state = iota
	running
	done
)

// New returns a cell that compute computes; what and at are its name and its place for mistakes.
func New(what string, at *hcl.Range, compute func(*Run) Result) *Cell {
	return &Cell{what: what, at: at, compute: compute}
}

// Of returns a cell that has its value.
func Of(v cty.Value) *Cell {
	c := &Cell{state: done, result: Result{Val: v, OK: true}}
	c.compute = func(*Run) Result { return c.result }
	return c
}

// Result is what an expression came to.
type Result struct {
	Val  cty.Value
	Deps Deps
	OK   bool // false: a mistake was reported
}

// Failed stands for a value that could not be had.
func Failed() Result { return Result{Val: cty.DynamicVal} }

// Run is one evaluation: the compilation, which fills the cells, or one that sees late values and leaves the cells alone.
type Run struct {
	Late catalog.Values // nil while compiling
	// Blind: what the run did not give is unknown and not null, and Ungiven lists whose values these are.
	Blind   bool
	Ungiven []resources.Address
	Diags   hcl.Diagnostics

	step  func(*hcl.Range)
	memo  map[*Cell]*Cell
	stack []*Cell
}

// NewRun returns an evaluation that sees late values, nil while compiling. Step is told what is evaluated next; it may end the goroutine.
func NewRun(late catalog.Values, step func(*hcl.Range)) *Run {
	r := &Run{Late: late, step: step}
	if late != nil {
		r.memo = map[*Cell]*Cell{}
	}
	return r
}

// Step tells the watch over time and memory what comes.
func (r *Run) Step(at *hcl.Range) { r.step(at) }

// Errorf adds a mistake.
func (r *Run) Errorf(at *hcl.Range, summary, detail string, args ...any) {
	r.Diags = append(r.Diags, diag.Errorf(at, summary, detail, args...))
}

// maxFound is how many mistakes a value remembers, so that those that many values share do not multiply.
const maxFound = 16

// Since lists the mistakes that were found since there were n: each once, and not more than tell what is wrong.
func (r *Run) Since(n int) hcl.Diagnostics {
	var found hcl.Diagnostics
	for _, d := range r.Diags[n:] {
		if !slices.Contains(found, d) {
			found = append(found, d)
			if len(found) == maxFound {
				break
			}
		}
	}
	return found
}

// Again adds the mistakes in a value that is remembered: whom they were told first may have had no use for them.
func (r *Run) Again(found hcl.Diagnostics) { r.Diags = append(r.Diags, found...) }

// Get computes a cell once. What is wrong with it is told to everybody who asks.
func (r *Run) Get(c *Cell) *Result {
	if r.Late != nil && (c.state != done || !decode.Known(c.result.Val)) {
		again := r.memo[c]
		if again == nil {
			again = New(c.what, c.at, c.compute)
			r.memo[c] = again
		}
		c = again
	}
	switch {
	case c.state == done:
		r.Again(c.found)
	case c.state == running:
		r.cycle(c)
		return &Result{Val: cty.DynamicVal}
	case len(r.stack) >= maxChain:
		r.Errorf(c.at, "Over the limit", "More than %d values refer to each other in one chain, which is over the limit.", maxChain)
		return &Result{Val: cty.DynamicVal}
	default:
		r.step(c.at)
		c.state = running
		r.stack = append(r.stack, c)
		before := len(r.Diags)
		c.result = c.compute(r)
		c.found = r.Since(before)
		r.stack = r.stack[:len(r.stack)-1]
		c.state = done
	}
	return &c.result
}

// cycle reports the chain that leads from a cell back to itself.
func (r *Run) cycle(c *Cell) {
	chain := r.stack[slices.Index(r.stack, c):]
	names := make([]string, 0, len(chain)+1)
	for _, link := range chain {
		names = append(names, link.what)
	}
	names = append(names, c.what)
	if len(chain) == 1 {
		r.Errorf(c.at, "Cycle", "`%s` refers to itself.", c.what)
		return
	}
	r.Errorf(c.at, "Cycle", "These refer to each other in a circle: %s.", strings.Join(names, " -> "))
}
