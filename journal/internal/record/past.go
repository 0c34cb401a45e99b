package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/resources"
)

// Past is what the journal of an earlier run says.
type Past struct {
	Head  Run
	Owed  Debts // after the last record
	Ops   []Step
	End   time.Time                 // of the last write to the journal
	named map[string]*name          // what ops announce changes of
	begun map[resources.Address]int // the index of the one that has what its type needs to restore it
}

// name is what is known of a name.
type name struct {
	ops  []int     // indices of the changes of it
	open []Address // who has announced one, and has not ended
}

// Step is one announced change, with how it was left.
type Step struct {
	Begin *Begin
	Op    *Op
	After *image.Trace
	Left  json.RawMessage // of a Begin: how the state was left that its type keeps, nil if that is not on record
}

// add takes in one record.
func (p *Past) add(r Record) error {
	switch {
	case r.Run != nil && p.Head.ID == "":
		if r.Run.Version > version {
			return fmt.Errorf("written by a newer version (%d)", r.Run.Version)
		}
		p.Head, p.Owed = *r.Run, NewDebts(r.Run.Owed)
	case p.Head.ID == "":
		return errors.New("the first record is missing")
	case r.Begin != nil:
		p.begin(r.Begin)
		for _, target := range r.Begin.Owes {
			p.Owed.Owe(Debt{Target: target, Source: r.Begin.Addr, Since: p.Head.Started, Of: p.Head.Manifest, Own: true})
		}
	case r.Op != nil:
		p.op(r.Op)
	case r.Ended != nil:
		p.ended(r.Ended)
	case r.Divided != nil:
		p.Owed.Divide(r.Divided.Target.Address(), p.Head.Manifest, r.Divided.As, r.Divided.Into)
	case r.Settled != nil:
		p.Owed.Settle(r.Settled.Target.Address(), p.Head.Manifest, r.Settled.As)
	}
	return nil
}

// begin adds a step. Of what its type keeps of a resource the first one counts: a second attempt found what the first one had left.
func (p *Past) begin(b *Begin) {
	if b.Restorable() {
		if _, again := p.begun[b.Addr.Address()]; again {
			return
		}
		if p.begun == nil {
			p.begun = map[resources.Address]int{}
		}
		p.begun[b.Addr.Address()] = len(p.Ops)
	}
	p.Ops = append(p.Ops, Step{Begin: b})
}

// op adds a step. How others left what is at its name counts no more: from now on that may be something else.
func (p *Past) op(o *Op) {
	if p.named == nil {
		p.named = map[string]*name{}
	}
	n := p.named[string(o.Name)]
	if n == nil {
		n = &name{}
		p.named[string(o.Name)] = n
	}
	p.left(n, nil)
	n.ops = append(n.ops, len(p.Ops))
	if !slices.ContainsFunc(n.open, o.Addr.is) {
		n.open = append(n.open, o.Addr)
	}
	p.Ops = append(p.Ops, Step{Op: o})
}

func (p *Past) left(n *name, after *image.Trace) {
	for _, i := range n.ops {
		p.Ops[i].After = after
	}
}

// ended notes how the resource left each file, on the file's steps, unless somebody else is at it still, the state that its type keeps, and whom it owes nothing.
func (p *Past) ended(e *Ended) {
	p.Owed.Spare(e.Addr.Address(), e.Spared)
	if n, ok := p.begun[e.Addr.Address()]; ok && e.State != nil {
		p.Ops[n].Left = e.State
	}
	for i := range e.Files {
		n := p.named[string(e.Files[i].Name)]
		if n == nil {
			continue
		}
		if n.open = slices.DeleteFunc(n.open, e.Addr.is); len(n.open) == 0 {
			p.left(n, &e.Files[i])
		}
	}
}
