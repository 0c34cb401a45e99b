// Package block makes the entries of the catalog of the resource blocks of a module: it repeats them, evaluates their attributes, and binds in the
// run what uses values that only the run gives.
package block

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/internal/late"
	"github.com/nodeapply/apply/manifest/internal/metaparams"
	"github.com/nodeapply/apply/manifest/internal/scope"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/resources"
)

// Host is the compilation that blocks are a part of.
type Host interface {
	// Secret is told every sensitive value that is met.
	Secret(v cty.Value)
	// Clashes says what of entries that are bound in the run contradicts others: a [diag.List], nil if nothing does.
	Clashes(ctx context.Context, bound []*catalog.Entry) error
}

// Module is one instance of a module, in which blocks stand.
type Module struct {
	Host  Host
	Addr  string // "module.a", "" for the root
	Place calls.Place
	Scope *scope.Scope
	Late  *late.Evaluator
	// Inherited are the metaparameters of the calls around.
	Inherited func(*cell.Run) metaparams.Values
	// Origins lists what values that are made of references were made of, through locals and the inputs of modules.
	Origins func([]reference.Ref) []string
}

// Block is a resource block in one instance of a module: all its instances.
type Block struct {
	in     *Module
	sh     *shape.Shape
	addr   resources.Address // without instance
	object *cell.Cell        // what expressions see

	expanded bool
	rep      scope.Repetition
	repOK    bool
	repFound hcl.Diagnostics // what is wrong with it
	constant []*constant     // by attribute: values that are the same for all instances
	named    instances.Named // where only the run repeats it
	// The entries of one block share these.
	attrPos func(string) catalog.Pos
	origins func(string) []string
}

// New declares a block of a shape. Nothing is evaluated yet.
func New(in *Module, sh *shape.Shape) *Block {
	b := &Block{in: in, sh: sh, addr: resources.Address{Module: in.Addr, Type: sh.Block.Kind, Title: sh.Block.Label}}
	b.object = cell.New(b.addr.String(), &sh.Block.Header, b.value)
	b.attrPos, b.origins = b.posOf, b.originsOf
	return b
}

// Addr is the address of the block, without instance.
func (b *Block) Addr() resources.Address { return b.addr }

// Relations are those that the block declares.
func (b *Block) Relations() []shape.Relation { return b.sh.Relations }

// Countable says that nothing is wrong with how often the block is there.
func (b *Block) Countable() bool { return b.repOK }

// repeat expands the block once; a run that sees late values does so again where it was not known.
func (b *Block) repeat(r *cell.Run) (scope.Repetition, bool) {
	if b.expanded && (r.Late == nil || b.rep.Known) {
		r.Again(b.repFound)
		return b.rep, b.repOK
	}
	before := len(r.Diags)
	rep, ok := b.in.Scope.Repeat(r, b.sh.Block)
	if r.Late == nil {
		b.expanded, b.rep, b.repOK, b.repFound = true, rep, ok, r.Since(before)
	}
	return rep, ok
}

// Emit appends the block's entries to those of the catalog. The deps are all resources whose values they use.
func (b *Block) Emit(r *cell.Run, entries []*catalog.Entry) ([]*catalog.Entry, cell.Deps) {
	var all cell.Deps
	rep, ok := b.repeat(r)
	switch {
	case !ok:
		entries = append(entries, b.stub(nil))
	case !rep.Known:
		e, used := b.deferredGroup(r, rep)
		entries, all = append(entries, e), used
	default:
		if len(rep.List) > 1 {
			b.constant = make([]*constant, len(b.sh.Attrs)+len(b.sh.Options))
		}
		for _, inst := range rep.List {
			if len(entries) >= instances.Max {
				r.Errorf(&b.sh.Block.Header, "Over the limit", "The catalog is over the limit of %d resources.", instances.Max)
				break
			}
			r.Step(&b.sh.Block.Header)
			e, used := b.entry(r, inst)
			entries, all = append(entries, e), all.Add(used)
		}
		b.constant = nil
	}
	return entries, all.Add(rep.Deps)
}

// blank is an entry that holds only what every entry of the block has.
func (b *Block) blank(inst *instances.Instance) *catalog.Entry {
	return &catalog.Entry{
		Addr: b.instanceAddr(inst), Pos: diag.Pos(b.sh.Block.Header), Awaits: b.sh.Schema.Type.Awaits, AttrPos: b.attrPos, Origins: b.origins,
	}
}

func (b *Block) instanceAddr(inst *instances.Instance) resources.Address {
	addr := b.addr
	addr.Instance = inst.Suffix()
	return addr
}

// Name says that a relation names an instance of the block. Where only the run knows what instances there are, that there is none such is found then.
func (b *Block) Name(key string, at catalog.Pos) {
	if !b.rep.Known {
		b.named.Add(key, at)
	}
}

// stub stands for an instance that has mistakes, so that references to it are none.
func (b *Block) stub(inst *instances.Instance) *catalog.Entry {
	e := b.blank(inst)
	e.Mistaken, e.Off, e.Resource = true, true, b.sh.Schema.Type.New(b.addr.Title)
	return e
}

// entry evaluates one instance. The deps are all resources whose values it uses.
func (b *Block) entry(r *cell.Run, inst *instances.Instance) (*catalog.Entry, cell.Deps) {
	before := len(r.Diags)
	e, used := b.fill(r, inst)
	b.metIn(r.Diags[before:], e.Addr)
	return e, used
}

// metIn says of mistakes in the block which of the resources made of it they were met in.
func (b *Block) metIn(found hcl.Diagnostics, a resources.Address) {
	var in diag.In
	if a.Module != "" || a.Instance != "" {
		in = diag.In(a.String())
	}
	for _, d := range found {
		if d.Extra == nil && d.Subject != nil && b.sh.Block.Holds(d.Subject) {
			d.Extra = in
		}
	}
}

func (b *Block) posOf(attr string) catalog.Pos {
	for _, x := range b.sh.Relations {
		if x.Kind == attr && len(x.Targets) > 0 {
			return diag.Pos(x.Targets[0].At)
		}
	}
	if a := b.sh.Block.Attr(attr); a != nil {
		return diag.Pos(hcl.RangeBetween(*a.At, a.Range()))
	}
	return diag.Pos(b.sh.Block.Header)
}

func (b *Block) originsOf(attr string) []string {
	a := b.sh.Attr(attr)
	if a == nil {
		return nil
	}
	return b.in.Origins(a.Refs)
}
