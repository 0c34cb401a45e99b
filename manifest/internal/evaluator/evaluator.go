// Package evaluator turns the modules that a compilation has read into the entries of a catalog, their relations, and outputs: [Evaluator.Evaluate] makes
// the entries, and [Evaluator.Catalog] the relations among them.
package evaluator

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/facts"
	"github.com/nodeapply/apply/manifest/internal/late"
	"github.com/nodeapply/apply/manifest/internal/secrets"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
	"github.com/nodeapply/apply/resources"
)

// Input is what was read.
type Input struct {
	Root  *syntax.Module
	Place calls.Place // of the root
	Calls map[*syntax.Block]calls.Called
	Given map[string]variables.Given // to the root's variables
	Facts *facts.Set
	Types decode.Schemas
	Files diag.Sources
	// Functions are the options that the functions of all modules have in common.
	Functions funcs.Options
	Secrets   *secrets.Set
	Watch     *limits.Watch
}

// Evaluator evaluates once. Afterwards it binds deferred entries, one at a time.
type Evaluator struct {
	Input
	shapes    map[*syntax.Block]*shape.Shape
	functions map[string]map[string]function.Function // by folder
	instances map[string]*module                      // by address
	declared  map[string]bool                         // addresses of calls, without instance
	entries   []*catalog.Entry
	related   []related
	diags     hcl.Diagnostics
	built     *catalog.Catalog // nil while compiling
	late      late.Evaluator   // afterwards
}

// New returns the Evaluator of an input.
func New(in Input) *Evaluator {
	return &Evaluator{
		Input: in, shapes: map[*syntax.Block]*shape.Shape{}, functions: map[string]map[string]function.Function{}, instances: map[string]*module{},
		declared: map[string]bool{},
		late:     late.Evaluator{Watch: in.Watch, Explain: func(found hcl.Diagnostics) diag.List { return diag.From(found, in.Files, in.Secrets.Redact) }},
	}
}

// Evaluate computes every value. It is called under the Watch.
func (e *Evaluator) Evaluate() []Output {
	m := e.newModule(e.Root, e.Place, nil)
	r := cell.NewRun(nil, e.Watch.Next)
	m.names.Settle(r)
	m.emit(r)
	outputs := m.rootOutputs(r)
	e.diags = append(e.diags, r.Diags...)
	return outputs
}

// Catalog checks what was evaluated as a whole. The diagnostics are all that was found, nothing of it with an error being a catalog.
func (e *Evaluator) Catalog() (*catalog.Catalog, hcl.Diagnostics) {
	cat, problems := catalog.New(e.entries, e.relations(), e.empty)
	e.built = cat
	return cat, append(e.diags, FromProblems(problems)...)
}

// Clashes says what of entries that are bound in the run contradicts others: a [diag.List], nil if nothing does.
func (e *Evaluator) Clashes(ctx context.Context, bound []*catalog.Entry) error {
	return e.late.Mistakes(ctx, FromProblems(e.built.Clashes(bound)))
}

// FromProblems turns what the catalog found into mistakes of the manifest.
func FromProblems(problems []catalog.Problem) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range problems {
		diags = append(diags, diag.Errorf(diag.Range(p.Pos), p.Summary, "%s", p.Detail))
	}
	return diags
}

// Secret remembers a sensitive value.
func (e *Evaluator) Secret(v cty.Value) { e.Secrets.Add(v) }

func (e *Evaluator) undeclared(at hcl.Range, detail string, args ...any) {
	e.diags = append(e.diags, diag.Errorf(&at, "Undeclared reference", detail, args...))
}

// functionsIn are the functions of the modules in one folder.
func (e *Evaluator) functionsIn(at calls.Place) map[string]function.Function {
	fns, ok := e.functions[at.Dir]
	if !ok {
		o := e.Functions
		o.BaseDir, o.Within, o.Step, o.OnSecret = at.Dir, at.Within, e.Watch.Step, e.Secret
		fns = funcs.Functions(o)
		e.functions[at.Dir] = fns
	}
	return fns
}

// shape is that of a block, found once.
func (e *Evaluator) shape(m *syntax.Module, b *syntax.Block) *shape.Shape {
	sh, ok := e.shapes[b]
	if !ok {
		var diags hcl.Diagnostics
		sh, diags = shape.New(e.Types, m, b)
		e.shapes[b], e.diags = sh, append(e.diags, diags...)
	}
	return sh
}

// empty says of an address without entries whether it is declared all the same.
func (e *Evaluator) empty(a resources.Address) bool {
	m := e.instances[a.Module]
	if a.Type == "" {
		return m != nil || e.declared[a.Module]
	}
	return m != nil && a.Instance == "" && m.decl.Resource(a.Type, a.Title) != nil
}
