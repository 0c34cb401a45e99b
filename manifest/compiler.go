package manifest

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/resources"
)

// compiler is one compilation. After Compile has returned it is used only to bind deferred entries, under mu.
type compiler struct {
	mu      sync.Mutex
	ctx     context.Context
	opts    Options
	types   schemas
	reader  *syntax.Reader
	modules map[string]*syntax.Module // by folder
	shapes  map[*syntax.Block]*shape
	facts   map[factKey]fact
	secrets secrets
	rootDir string

	diags   hcl.Diagnostics
	entries []*catalog.Entry
	scopes  map[string]*scope // by module address
	related []related
}

// schemas are the resource types by name.
type schemas map[string]*decode.Schema

// Known says whether there is a resource type of that name.
func (s schemas) Known(name string) bool { return s[name] != nil }

// Names lists the resource types in lexical order.
func (s schemas) Names() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func newCompiler(ctx context.Context, o Options) (*compiler, error) {
	c := &compiler{
		ctx: ctx, opts: o, types: schemas{}, modules: map[string]*syntax.Module{}, shapes: map[*syntax.Block]*shape{}, facts: map[factKey]fact{},
		secrets: secrets{}, scopes: map[string]*scope{},
	}
	for _, t := range o.Types {
		s, err := decode.NewSchema(t)
		if err != nil {
			return nil, err
		}
		c.types[t.Name] = s
	}
	c.reader = syntax.NewReader(c.types, nil)
	return c, nil
}

func (c *compiler) errorf(at *hcl.Range, summary, detail string, args ...any) {
	c.diags = append(c.diags, diag.Errorf(at, summary, detail, args...))
}

func (c *compiler) compile(path string) *Result {
	m := c.read(path)
	if m == nil {
		return nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		c.errorf(nil, "Unreadable manifest", "%s: %v.", path, err)
		return nil
	}
	dir, shown := abs, path
	if m.Single {
		dir, shown = filepath.Dir(abs), filepath.Dir(path)
	}
	c.rootDir = dir
	s := c.newScope(m, place{dir: dir, shown: shown}, nil)
	s.given = c.rootVars(m)
	r := &run{c: c}
	s.settle(r)
	s.emit(r)
	outputs := s.rootOutputs(r)
	c.diags = append(c.diags, r.diags...)
	cat, problems := catalog.New(c.entries, c.relations(), c.empty)
	for _, p := range problems {
		c.diags = append(c.diags, fromProblem(p))
	}
	return &Result{Catalog: cat, Outputs: outputs, Secrets: c.secrets.list()}
}

// read reads the manifests at path; nil if they could not be parsed.
func (c *compiler) read(path string) *syntax.Module {
	m, diags := c.reader.Read(c.ctx, path)
	c.diags = append(c.diags, diags...)
	return m
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
	asked  bool
	val    cty.Value
	ok     bool
	reason error
}

// factKey is a fact as the module in the folder dir sees it; "" where modules have none of their own.
type factKey struct{ dir, name string }

func (c *compiler) factKey(dir, name string) factKey {
	if _, ok := c.opts.Facts.(ModuleFacts); !ok {
		dir = ""
	}
	return factKey{dir, name}
}

// lookup asks for the facts that a module names side by side, each once. A hung one delays only itself.
func (c *compiler) lookup(dir string, names []string) {
	if c.opts.Facts == nil {
		return
	}
	found := make([]fact, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		if _, ok := c.facts[c.factKey(dir, name)]; ok {
			continue
		}
		wg.Go(func() { found[i] = c.askFact(dir, name) })
	}
	wg.Wait()
	for i, name := range names {
		if k := c.factKey(dir, name); !c.facts[k].asked {
			c.facts[k] = found[i]
		}
	}
}

func (c *compiler) askFact(dir, name string) fact {
	lookup := c.opts.Facts.Lookup
	if m, ok := c.opts.Facts.(ModuleFacts); ok {
		lookup = func(ctx context.Context, name string) (any, bool, error) { return m.LookupIn(ctx, dir, name) }
	}
	f := fact{asked: true}
	x, ok, err := lookup(c.ctx, name)
	if ok && err == nil {
		f.val, err = decode.Value(x)
	}
	f.ok, f.reason = ok && err == nil, err
	return f
}

// empty says of an address without entries whether it is declared all the same.
func (c *compiler) empty(a resources.Address) bool {
	s := c.scopes[a.Module]
	if a.Type == "" {
		return s != nil || c.declaresCall(a.Module)
	}
	return s != nil && a.Instance == "" && s.mod.Resources[a.Type][a.Title] != nil
}

func (c *compiler) declaresCall(addr string) bool {
	for _, s := range c.scopes {
		for _, k := range s.calls {
			if k.addr == addr {
				return true
			}
		}
	}
	return false
}
