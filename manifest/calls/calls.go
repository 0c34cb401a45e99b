// Package calls reads the modules that a manifest calls, and those that they call: the tree of modules, before anything is evaluated.
package calls

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/shape"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
)

// maxModules bounds how deep modules may call modules.
const maxModules = 32

// Place is where a module's files are: its folder, how positions write it, and the folder that relative sources cannot leave, if there is one.
type Place struct{ Dir, Shown, Within string }

// Holds says whether name is in the folder that cannot be left, or there is none.
func (p Place) Holds(name string) bool {
	return p.Within == "" || name == p.Within || strings.HasPrefix(name, p.Within+"/")
}

// Confine refuses a value with a path that begins in the folder and leads out of it: what is in a repository names nothing beside its own revision.
func (p Place) Confine(v cty.Value) error {
	return cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			return true, nil
		}
		name := strings.TrimPrefix(v.AsString(), "file://")
		if p.Holds(name) && !p.Holds(path.Clean(name)) {
			return false, fmt.Errorf("%s: leads out of what the module is from, %s", name, p.Within)
		}
		return true, nil
	})
}

// Called is the module that a block calls; Module is nil if it could not be read.
type Called struct {
	Module *syntax.Module
	Place  Place
}

// Folder is where a module's files are.
type Folder struct {
	Dir    string
	Shown  string // how positions write it; default Dir
	Within string // a folder that sources of modules in it ("../x") cannot leave; default: they can lead anywhere
}

// Tree is the modules of one compilation.
type Tree struct {
	Called  map[*syntax.Block]Called
	Modules map[string]*syntax.Module // but the root, by folder; nil: could not be read
	Facts   map[string]bool           // that any of them names
}

// Linker reads trees.
type Linker struct {
	Reader *syntax.Reader
	Types  decode.Schemas
	// Find finds the folder of a module whose source is neither a path that begins with "./" or "../" nor an absolute one; nil: there is none. From is the calling module's folder.
	Find func(ctx context.Context, source, from string) (Folder, error)

	ctx   context.Context
	tree  *Tree
	none  map[string]*hcl.Diagnostic // why there is no module in a folder
	diags hcl.Diagnostics
}

// Link reads what root, which is at a place, calls.
func (l *Linker) Link(ctx context.Context, root *syntax.Module, at Place) (*Tree, hcl.Diagnostics) {
	l.ctx, l.none, l.diags = ctx, map[string]*hcl.Diagnostic{}, nil
	l.tree = &Tree{Called: map[*syntax.Block]Called{}, Modules: map[string]*syntax.Module{}, Facts: map[string]bool{}}
	l.link(root, []Place{at})
	return l.tree, l.diags
}

func (l *Linker) errorf(at *hcl.Range, summary, detail string, args ...any) {
	l.diags = append(l.diags, diag.Errorf(at, summary, detail, args...))
}

// link reads the modules that a module calls, and those that they call. Around lists the folders on the way to it, itself last.
func (l *Linker) link(m *syntax.Module, around []Place) {
	maps.Copy(l.tree.Facts, m.Facts)
	l.diags = append(l.diags, shape.CheckDefaults(l.Types, m)...)
	here := around[len(around)-1]
	for _, b := range m.Body {
		if b.Kind != "module" {
			continue
		}
		p, ok := l.locate(here, b)
		if !ok || !l.descends(b, around, p) {
			continue
		}
		sub, again := l.tree.Modules[p.Dir]
		if !again {
			sub = l.module(p)
			l.tree.Modules[p.Dir] = sub
			if sub != nil {
				l.link(sub, append(slices.Clone(around), p))
			}
		}
		if d := l.none[p.Dir]; d != nil { // every caller's mistake
			l.errorf(b.Attr("source").Range().Ptr(), d.Summary, "%s", d.Detail)
		}
		l.tree.Called[b] = Called{sub, p}
		if sub != nil {
			l.checkInputs(b, sub)
		}
	}
}

// locate finds the folder that a module's source names.
func (l *Linker) locate(from Place, b *syntax.Block) (Place, bool) {
	a := b.Attr("source")
	if a == nil {
		l.errorf(&b.Header, "Missing attribute", "A module needs `source`: a folder (`\"./dir\"`), a built-in module, or `\"git::URL//dir?ref=TAG\"`.")
		return Place{}, false
	}
	v, diags := limits.Constant(l.ctx, a.Expression)
	if limits.Over(diags) {
		l.diags = append(l.diags, diags...)
		return Place{}, false
	}
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || len(a.Refs) > 0 {
		l.errorf(a.Range().Ptr(), "Wrong value for `source`", "Want a string without references: modules are read before anything is evaluated.")
		return Place{}, false
	}
	source := v.AsString()
	if source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") || filepath.IsAbs(source) {
		p := Place{Dir: filepath.Clean(source), Shown: filepath.Clean(source), Within: from.Within}
		if !filepath.IsAbs(source) {
			p.Dir, p.Shown = filepath.Join(from.Dir, source), filepath.Join(from.Shown, source)
		}
		if !p.Holds(p.Dir) {
			l.errorf(a.Range().Ptr(), "Unknown module", "%q leads out of the repository.", source)
			return Place{}, false
		}
		return p, true
	}
	if l.Find == nil {
		l.errorf(a.Range().Ptr(), "Unknown module", "There is no module %q here. A folder beside this file is written `\"./%s\"`.", source, source)
		return Place{}, false
	}
	found, err := l.Find(l.ctx, source, from.Dir)
	if err != nil {
		l.errorf(a.Range().Ptr(), "Unknown module", "%s", ended(diag.Sentence(err.Error())))
		return Place{}, false
	}
	return Place{Dir: found.Dir, Shown: cmp.Or(found.Shown, found.Dir), Within: found.Within}, true
}

// ended puts the full stop behind a sentence that is no question.
func ended(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// descends refuses a module that calls itself, and too deep a nest.
func (l *Linker) descends(b *syntax.Block, around []Place, p Place) bool {
	var chain []string
	cycle := false
	for _, a := range around {
		chain = append(chain, a.Shown)
		cycle = cycle || a.Dir == p.Dir
	}
	switch {
	case cycle:
		l.errorf(&b.Header, "Cycle", "A module cannot call itself: %s.", strings.Join(append(chain, p.Shown), " -> "))
	case len(around) > maxModules:
		l.errorf(&b.Header, "Over the limit", "Modules call each other over the limit of %d levels.", maxModules)
	default:
		return true
	}
	return false
}

// module reads the module in a folder; nil if there is none, or one with mistakes in its syntax.
func (l *Linker) module(p Place) *syntax.Module {
	m, diags := l.Reader.Read(l.ctx, p.Dir, p.Shown)
	for _, d := range diags {
		if d.Subject != nil && d.Subject.Filename == p.Shown {
			l.none[p.Dir] = diag.Errorf(nil, d.Summary, "%s: %s", p.Shown, d.Detail)
			continue
		}
		l.diags = append(l.diags, d)
	}
	switch {
	case m == nil:
	case m.Partial:
		l.diags = append(l.diags, shape.Mistakes(l.Types, m)...)
		return nil
	case m.Single:
		l.none[p.Dir] = diag.Errorf(nil, "Unknown module", "%s is a file; a module is the folder of its manifests.", p.Shown)
		return nil
	}
	return m
}

// checkInputs compares what is given with the variables that the module has.
func (l *Linker) checkInputs(b *syntax.Block, m *syntax.Module) {
	names := slices.Sorted(maps.Keys(m.Variables))
	for _, a := range b.Attrs {
		if a.Name != "source" && !syntax.IsMeta(a.Name) && m.Variables[a.Name] == nil {
			l.errorf(a.At, "Unknown attribute", "The module `%s` has no variable `%s`%s", b.Label, a.Name, diag.Suggest(a.Name, append(slices.Clone(names), syntax.MetaNames()...)))
		}
	}
	for _, name := range names {
		if v := m.Variables[name]; v.Attr("default") == nil && b.Attr(name) == nil {
			l.diags = append(l.diags, variables.Missing(v, b))
		}
	}
}
