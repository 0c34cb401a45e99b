package manifest

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/secrets"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
	"github.com/nodeapply/apply/resources"
)

// compiler is one compilation. After Compile has returned it is used only to bind deferred entries, under mu.
type compiler struct {
	mu      sync.Mutex
	ctx     context.Context
	opts    Options
	types   decode.Schemas
	files   files.Reader
	modules *syntax.Reader
	tree    *calls.Tree
	shapes  map[*syntax.Block]*shape.Shape
	facts   map[string]fact
	funcs   map[string]map[string]function.Function // by folder
	secrets *secrets.Set
	rootDir string
	given   map[string]variables.Given // to the root module
	at      *limits.Place              // told what is evaluated

	diags     hcl.Diagnostics
	entries   []*catalog.Entry
	instances map[string]*module // by address
	related   []related
	built     *catalog.Catalog // nil while compiling
}

func newCompiler(ctx context.Context, o Options) (*compiler, error) {
	types, err := decode.NewSchemas(o.Types)
	if err != nil {
		return nil, err
	}
	c := &compiler{
		ctx: ctx, opts: o, types: types, shapes: map[*syntax.Block]*shape.Shape{}, facts: map[string]fact{}, funcs: map[string]map[string]function.Function{},
		instances: map[string]*module{},
	}
	c.modules = &syntax.Reader{Files: &c.files, Kinds: c.types, Step: c.step}
	c.secrets = secrets.New(o.OnSecret, c.files.Writes)
	return c, nil
}

// step ends an evaluation that was given up.
func (c *compiler) step() { limits.Step(c.ctx) }

// next tells the watch over time and memory what is evaluated next.
func (c *compiler) next(at *hcl.Range) {
	c.step()
	c.at.Set(at)
}

func (c *compiler) errorf(at *hcl.Range, summary, detail string, args ...any) {
	c.diags = append(c.diags, diag.Errorf(at, summary, detail, args...))
}

// gather reads all that the compilation depends on: manifests, values of variables, modules, facts. Nothing is evaluated.
func (c *compiler) gather(path string) *root {
	shown := cmp.Or(c.opts.Shown, path)
	m, diags := c.modules.Read(c.ctx, path, shown)
	c.diags = append(c.diags, diags...)
	c.given, diags = variables.Read(c.ctx, &c.files, c.opts.Vars, m)
	c.diags = append(c.diags, diags...)
	if m == nil {
		return nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		c.errorf(nil, "Unreadable manifest", "%s: %v.", path, err)
		return nil
	}
	at := calls.Place{Dir: abs, Shown: shown, Within: c.opts.Within}
	if m.Single {
		at.Dir, at.Shown = filepath.Dir(abs), filepath.Dir(shown)
	}
	c.rootDir = at.Dir
	linker := calls.Linker{Reader: c.modules, Types: c.types, Find: c.opts.Modules}
	c.tree, diags = linker.Link(c.ctx, m, at)
	c.diags = append(c.diags, diags...)
	if f, ok := c.opts.Facts.(ModuleFacts); ok {
		for _, dir := range slices.Sorted(maps.Keys(c.tree.Modules)) {
			f.AddModule(dir)
		}
		f.AddModule(at.Dir)
	}
	c.lookup(slices.Sorted(maps.Keys(c.tree.Facts)))
	return &root{m, at}
}

// root is the module that is compiled.
type root struct {
	decl  *syntax.Module
	place calls.Place
}

// functions are those of the modules in one folder.
func (c *compiler) functions(dir string) map[string]function.Function {
	fns, ok := c.funcs[dir]
	if !ok {
		fns = funcs.Functions(funcs.Options{BaseDir: dir, Root: c.opts.Root, Identities: c.opts.Identities, Step: c.step, OnSecret: c.Secret})
		c.funcs[dir] = fns
	}
	return fns
}

// shape is that of a block, found once.
func (c *compiler) shape(m *syntax.Module, b *syntax.Block) *shape.Shape {
	sh, ok := c.shapes[b]
	if !ok {
		var diags hcl.Diagnostics
		sh, diags = shape.New(c.types, m, b)
		c.shapes[b], c.diags = sh, append(c.diags, diags...)
	}
	return sh
}

// evaluate turns what was read into entries and outputs.
func (c *compiler) evaluate(root *root) []Output {
	m := c.newModule(root.decl, root.place, nil)
	r := cell.NewRun(nil, c.next)
	m.names.Settle(r)
	m.emit(r)
	outputs := m.rootOutputs(r)
	c.diags = append(c.diags, r.Diags...)
	return outputs
}

// catalog checks the entries with each other.
func (c *compiler) catalog() *catalog.Catalog {
	cat, problems := catalog.New(c.entries, c.relations(), c.empty)
	for _, p := range problems {
		c.diags = append(c.diags, fromProblem(p))
	}
	c.built = cat
	return cat
}

func fromProblem(p catalog.Problem) *hcl.Diagnostic {
	at := &hcl.Range{
		Filename: p.Pos.File,
		Start:    hcl.Pos{Line: int(p.Pos.Line), Column: int(p.Pos.Column)},
		End:      hcl.Pos{Line: int(p.Pos.EndLine), Column: int(p.Pos.EndColumn)},
	}
	return diag.Errorf(at, p.Summary, "%s", p.Detail)
}

// fact is one fact that was looked up.
type fact struct {
	val    cty.Value
	ok     bool
	reason error
}

// factNames lists the facts of the node, for suggestions.
func (c *compiler) factNames() []string {
	if c.opts.Facts == nil {
		return nil
	}
	return c.opts.Facts.Names()
}

// lookup asks for facts side by side, each once. A hung one delays only itself.
func (c *compiler) lookup(names []string) {
	if c.opts.Facts == nil {
		return
	}
	found := make([]fact, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		if _, ok := c.facts[name]; ok {
			continue
		}
		wg.Go(func() {
			x, ok, err := c.opts.Facts.Lookup(c.ctx, name)
			if ok && err == nil {
				found[i].val, err = decode.Value(x)
			}
			found[i].ok, found[i].reason = ok && err == nil, err
		})
	}
	wg.Wait()
	for i, name := range names {
		if _, ok := c.facts[name]; !ok {
			c.facts[name] = found[i]
		}
	}
}

// empty says of an address without entries whether it is declared all the same.
func (c *compiler) empty(a resources.Address) bool {
	m := c.instances[a.Module]
	if a.Type == "" {
		return m != nil || c.declaresCall(a.Module)
	}
	return m != nil && a.Instance == "" && m.decl.Resource(a.Type, a.Title) != nil
}

func (c *compiler) declaresCall(addr string) bool {
	for _, m := range c.instances {
		for _, k := range m.calls {
			if k.addr == addr {
				return true
			}
		}
	}
	return false
}
