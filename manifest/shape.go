package manifest

import (
	"maps"
	"slices"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/syntax"
)

// shape is what can be said of a resource block without its values. All instances of the block share it, in whatever module they are.
type shape struct {
	schema    *decode.Schema
	block     *syntax.Block
	attrs     []shapeAttr // of the resource, its defaults included
	options   []*syntax.Attr
	relations []relation
	bad       bool // an attribute is missing or unknown
}

type shapeAttr struct {
	*syntax.Attr
	field *decode.Field
}

// relation is one relation as it was written.
type relation struct {
	kind    string
	targets []syntax.Target
}

func (c *compiler) shape(m *syntax.Module, b *syntax.Block) *shape {
	if sh, ok := c.shapes[b]; ok {
		return sh
	}
	sh := &shape{schema: c.types[b.Kind], block: b}
	sh.attrs = make([]shapeAttr, 0, len(b.Attrs))
	for i := range b.Attrs {
		c.place(sh, b, &b.Attrs[i])
	}
	if d := m.Defaults[b.Kind]; d != nil {
		for i := range d.Attrs {
			if a := &d.Attrs[i]; b.Attr(a.Name) == nil && a.Name != "for_each" && a.Name != "count" {
				c.place(sh, d, a)
			}
		}
	}
	for _, name := range sh.schema.Names() {
		if f := sh.schema.Field(name); f.Required && !f.Title && sh.attr(name) == nil {
			c.errorf(&b.Header, "Missing attribute", "A resource of type `%s` needs the attribute `%s`.", b.Kind, name)
			sh.bad = true
		}
	}
	c.shapes[b] = sh
	return sh
}

// place sorts an attribute to where it belongs.
func (c *compiler) place(sh *shape, b *syntax.Block, a *syntax.Attr) {
	field := sh.schema.Field(a.Name)
	if field != nil {
		sh.attrs = append(sh.attrs, shapeAttr{a, field})
	}
	switch {
	case syntax.IsRelation(a.Name):
		targets, diags := syntax.Targets(a.Expression, c.types)
		c.diags = append(c.diags, diags...)
		sh.relations = append(sh.relations, relation{a.Name, targets})
	case a.Name == "for_each" || a.Name == "count":
	case syntax.IsMeta(a.Name):
		sh.options = append(sh.options, a)
	case field == nil && b.Kind != "defaults":
		names := slices.Concat(sh.schema.Names(), syntax.MetaNames())
		c.errorf(a.At, "Unknown attribute", "A resource of type `%s` has no attribute `%s`%s", sh.schema.Type.Name, a.Name, diag.Suggest(a.Name, names))
		sh.bad = true
	}
}

func (sh *shape) attr(name string) *syntax.Attr {
	for _, a := range sh.attrs {
		if a.Name == name {
			return a.Attr
		}
	}
	for _, a := range sh.options {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// checkDefaults finds mistakes in defaults blocks, whether or not a resource uses them.
func (c *compiler) checkDefaults(m *syntax.Module) {
	for _, kind := range slices.Sorted(maps.Keys(m.Defaults)) {
		schema := c.types[kind]
		for _, a := range m.Defaults[kind].Attrs {
			switch {
			case a.Name == "for_each" || a.Name == "count":
				c.errorf(a.At, "Unknown attribute", "`%s` stands in the block of a resource, not in `defaults`.", a.Name)
			case schema.Field(a.Name) == nil && !syntax.IsMeta(a.Name):
				names := slices.Concat(schema.Names(), syntax.MetaNames())
				c.errorf(a.At, "Unknown attribute", "A resource of type `%s` has no attribute `%s`%s", kind, a.Name, diag.Suggest(a.Name, names))
			}
		}
	}
}
