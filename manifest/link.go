package manifest

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
)

// maxModules bounds how deep modules may call modules.
const maxModules = 32

// called is the module that a block calls; mod is nil if it could not be read.
type called struct {
	mod   *syntax.Module
	place place
}

// link reads the modules that a module calls, and those that they call. Around lists the folders on the way to it, itself last.
func (c *compiler) link(m *syntax.Module, around []place) {
	maps.Copy(c.named, m.Facts)
	c.checkDefaults(m)
	here := around[len(around)-1]
	for _, b := range m.Body {
		if b.Kind != "module" {
			continue
		}
		p, ok := c.locate(here, b)
		if !ok || !c.descends(b, around, p) {
			continue
		}
		sub, again := c.modules[p.dir]
		if !again {
			sub = c.module(p, b)
			c.modules[p.dir] = sub
			if sub != nil {
				c.link(sub, append(slices.Clone(around), p))
			}
		}
		c.called[b] = called{sub, p}
		if sub != nil {
			c.checkInputs(b, sub)
		}
	}
}

// locate finds the folder that a module's source names.
func (c *compiler) locate(from place, b *syntax.Block) (place, bool) {
	a := b.Attr("source")
	if a == nil {
		c.errorf(&b.Header, "Missing attribute", "A module needs `source`: a folder (`\"./dir\"`), a built-in module, or `\"git::URL//dir?ref=TAG\"`.")
		return place{}, false
	}
	v, diags := c.constant(a.Expression)
	if limits.Over(diags) {
		c.diags = append(c.diags, diags...)
		return place{}, false
	}
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || len(a.Refs) > 0 {
		c.errorf(a.Range().Ptr(), "Wrong value for `source`", "Want a string without references: modules are read before anything is evaluated.")
		return place{}, false
	}
	source := v.AsString()
	if source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		p := place{dir: filepath.Join(from.dir, source), shown: filepath.Join(from.shown, source), within: from.within}
		if p.within != "" && p.dir != p.within && !strings.HasPrefix(p.dir, p.within+"/") {
			c.errorf(a.Range().Ptr(), "Unknown module", "%q leads out of the repository.", source)
			return place{}, false
		}
		return p, true
	}
	if c.opts.Modules == nil {
		c.errorf(a.Range().Ptr(), "Unknown module", "There is no module %q here. A folder beside this file is written `\"./%s\"`.", source, source)
		return place{}, false
	}
	found, err := c.opts.Modules(c.ctx, source, from.dir)
	if err != nil {
		c.errorf(a.Range().Ptr(), "Unknown module", "%s", ended(sentence(err.Error())))
		return place{}, false
	}
	return place{dir: found.Dir, shown: cmp.Or(found.Shown, found.Dir), within: found.Within}, true
}

// ended puts the full stop behind a sentence that is no question.
func ended(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// descends refuses a module that calls itself, and too deep a nest.
func (c *compiler) descends(b *syntax.Block, around []place, p place) bool {
	var chain []string
	cycle := false
	for _, a := range around {
		chain = append(chain, a.shown)
		cycle = cycle || a.dir == p.dir
	}
	switch {
	case cycle:
		c.errorf(&b.Header, "Cycle", "A module cannot call itself: %s.", strings.Join(append(chain, p.shown), " -> "))
	case len(around) > maxModules:
		c.errorf(&b.Header, "Over the limit", "Modules call each other over the limit of %d levels.", maxModules)
	default:
		return true
	}
	return false
}

// module reads the module in a folder.
func (c *compiler) module(p place, b *syntax.Block) *syntax.Module {
	m, diags := c.reader.Read(c.ctx, p.dir, p.shown)
	for _, d := range diags {
		if d.Subject != nil && d.Subject.Filename == p.shown { // the folder itself: the caller's mistake
			d = diag.Errorf(b.Attr("source").Range().Ptr(), d.Summary, "%s", d.Detail)
		}
		c.diags = append(c.diags, d)
	}
	return m
}

// checkInputs compares what is given with the variables that the module has.
func (c *compiler) checkInputs(b *syntax.Block, m *syntax.Module) {
	names := slices.Sorted(maps.Keys(m.Variables))
	for _, a := range b.Attrs {
		if a.Name != "source" && !syntax.IsMeta(a.Name) && m.Variables[a.Name] == nil {
			c.errorf(a.At, "Unknown attribute", "The module `%s` has no variable `%s`%s", b.Label, a.Name, diag.Suggest(a.Name, append(names, syntax.MetaNames()...)))
		}
	}
}
