package manifest

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/evaluator"
	"github.com/nodeapply/apply/manifest/internal/facts"
	"github.com/nodeapply/apply/manifest/internal/secrets"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
)

// compiler reads what one compilation depends on.
type compiler struct {
	ctx     context.Context
	opts    Options
	types   decode.Schemas
	files   files.Reader
	watch   *limits.Watch
	modules *syntax.Reader
	secrets *secrets.Set
	diags   hcl.Diagnostics
}

func newCompiler(ctx context.Context, o Options) (*compiler, error) {
	types, err := decode.NewSchemas(o.Types)
	if err != nil {
		return nil, err
	}
	c := &compiler{ctx: ctx, opts: o, types: types, watch: limits.NewWatch(ctx)}
	c.modules = &syntax.Reader{Files: &c.files, Kinds: c.types, Step: c.watch.Step}
	c.secrets = secrets.New(o.OnSecret, c.files.Writes)
	return c, nil
}

// gather reads all that the compilation depends on: manifests, values of variables, modules, facts. Nothing is evaluated. It returns nil
// where the root module could not be read.
func (c *compiler) gather(path string) *evaluator.Evaluator {
	shown := cmp.Or(c.opts.Shown, path)
	m, diags := c.modules.Read(c.ctx, path, shown)
	c.diags = append(c.diags, diags...)
	if m != nil && m.Partial {
		c.diags = append(c.diags, shape.Mistakes(c.types, m)...)
		m = nil
	}
	given, diags := variables.Read(c.ctx, &c.files, c.opts.Vars, m)
	c.diags = append(c.diags, diags...)
	if m == nil {
		return nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		c.diags = append(c.diags, diag.Errorf(nil, "Unreadable manifest", "%s: %v.", path, err))
		return nil
	}
	at := calls.Place{Dir: abs, Shown: shown, Within: c.opts.Within}
	if m.Single {
		at.Dir, at.Shown = filepath.Dir(abs), filepath.Dir(shown)
	}
	linker := calls.Linker{Reader: c.modules, Types: c.types, Find: c.opts.Modules}
	tree, diags := linker.Link(c.ctx, m, at)
	c.diags = append(c.diags, diags...)
	if f, ok := c.opts.Facts.(ModuleFacts); ok {
		for _, dir := range slices.Sorted(maps.Keys(tree.Modules)) {
			f.AddModule(dir)
		}
		f.AddModule(at.Dir)
	}
	return evaluator.New(evaluator.Input{
		Root: m, Place: at, Calls: tree.Called, Given: given, Types: c.types, Files: &c.files, Secrets: c.secrets, Watch: c.watch,
		Facts:     facts.Lookup(c.ctx, c.opts.Facts, slices.Sorted(maps.Keys(tree.Facts))),
		Functions: funcs.Options{Identities: c.opts.Identities},
	})
}

// list is what was found, for whoever reads it.
func (c *compiler) list(ds hcl.Diagnostics) diag.List {
	return diag.From(ds, &c.files, c.secrets.Redact)
}
