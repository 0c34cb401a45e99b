// Package shape tells what can be said of a resource block without the values of its attributes.
package shape

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Shape is what can be said of a resource block without its values. All instances of the block share it, in whatever module they are.
type Shape struct {
	Schema    *decode.Schema
	Block     *syntax.Block
	Attrs     []Attr // of the resource, its defaults included
	Options   []*syntax.Attr
	Relations []Relation
	Bad       bool // an attribute is missing or unknown

	diags hcl.Diagnostics
}

// Attr is an attribute of a resource.
type Attr struct {
	*syntax.Attr
	Field *decode.Field
}

// Relation is one relation as it was written.
type Relation struct {
	Kind    string
	Targets []reference.Target
}

// New finds the shape of a block of a module, and its mistakes.
func New(types decode.Schemas, m *syntax.Module, b *syntax.Block) (*Shape, hcl.Diagnostics) {
	sh := &Shape{Schema: types[b.Kind], Block: b}
	sh.Attrs = make([]Attr, 0, len(b.Attrs))
	for i := range b.Attrs {
		sh.place(types, b, &b.Attrs[i])
	}
	if d := m.Defaults[b.Kind]; d != nil {
		for i := range d.Attrs {
			if a := &d.Attrs[i]; b.Attr(a.Name) == nil && a.Name != "for_each" && a.Name != "count" {
				sh.place(types, d, a)
			}
		}
	}
	if m.Partial { // there may be defaults that are not known
		return sh, sh.diags
	}
	for _, name := range sh.Schema.Names() {
		if f := sh.Schema.Field(name); f.Required && !f.Title && sh.Attr(name) == nil {
			sh.diags = append(sh.diags, diag.Errorf(&b.Header, "Missing attribute", "A resource of type `%s` needs the attribute `%s`.", b.Kind, name))
			sh.Bad = true
		}
	}
	return sh, sh.diags
}

// Mistakes are those that the shapes of the blocks have in a module of which not all is known.
func Mistakes(types decode.Schemas, m *syntax.Module) hcl.Diagnostics {
	diags := CheckDefaults(types, m)
	for _, b := range m.Body {
		if b.Kind != "module" {
			_, found := New(types, m, b)
			diags = append(diags, found...)
		}
	}
	m.Discreet(diags)
	return diags
}

// place sorts an attribute to where it belongs.
func (sh *Shape) place(types decode.Schemas, b *syntax.Block, a *syntax.Attr) {
	field := sh.Schema.Field(a.Name)
	if field != nil {
		sh.Attrs = append(sh.Attrs, Attr{a, field})
	}
	switch {
	case syntax.IsRelation(a.Name):
		targets, diags := reference.Targets(a.Name, a.Expression, types)
		sh.diags = append(sh.diags, diags...)
		sh.Relations = append(sh.Relations, Relation{a.Name, targets})
	case a.Name == "for_each" || a.Name == "count":
	case syntax.IsMeta(a.Name):
		sh.Options = append(sh.Options, a)
	case field == nil && b.Kind != "defaults":
		sh.diags = append(sh.diags, unknown(sh.Schema, a))
		sh.Bad = true
	}
}

// unknown is the mistake that a type has no such attribute.
func unknown(s *decode.Schema, a *syntax.Attr) *hcl.Diagnostic {
	hint := diag.Suggest(a.Name, slices.Concat(s.Names(), syntax.MetaNames()))
	return diag.Errorf(a.At, "Unknown attribute", "A resource of type `%s` has no attribute `%s`%s", s.Type.Name, a.Name, hint)
}

// Attr finds an attribute or an option by its name; nil if there is none.
func (sh *Shape) Attr(name string) *syntax.Attr {
	for _, a := range sh.Attrs {
		if a.Name == name {
			return a.Attr
		}
	}
	for _, a := range sh.Options {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// CheckDefaults finds mistakes in defaults blocks, whether or not a resource uses them.
func CheckDefaults(types decode.Schemas, m *syntax.Module) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, kind := range slices.Sorted(maps.Keys(m.Defaults)) {
		schema := types[kind]
		for _, a := range m.Defaults[kind].Attrs {
			switch {
			case a.Name == "for_each" || a.Name == "count":
				diags = append(diags, diag.Errorf(a.At, "Unknown attribute", "`%s` stands in the block of a resource, not in `defaults`.", a.Name))
			case schema.Field(a.Name) == nil && !syntax.IsMeta(a.Name):
				diags = append(diags, unknown(schema, &a))
			}
		}
	}
	return diags
}
