package syntax

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources/address"
)

// What every resource and module understands: references to others, and values.
var (
	relations = []string{"before", "require", "notify", "subscribe", "limit"}
	settings  = []string{"for_each", "count", "when", "unless", "onlyif", "timeout", "tries", "try_sleep", "noop", "tags"}
)

// MetaNames lists what every resource and module understands.
func MetaNames() []string { return slices.Concat(relations, settings) }

// IsMeta says whether every resource and module understands the attribute.
func IsMeta(name string) bool { return slices.Contains(settings, name) || IsRelation(name) }

// IsRelation says whether the attribute holds references instead of a value.
func IsRelation(name string) bool { return slices.Contains(relations, name) }

// add files a block under what it declares and finds what its expressions refer to.
func (m *Module) add(b *Block) {
	switch b.Kind {
	case "variable":
		m.declare(m.Variables, b, "variable")
		if b.Label == "source" || IsMeta(b.Label) {
			m.errorf(&b.At, "Bad name", "`%s` means something else in a module block; give the variable another name.", b.Label)
		}
		if a := b.Attr("default"); a != nil {
			m.diags = append(m.diags, a.resolve(m.kinds, m.step)...)
		}
		m.fixed(b, nil, "type", "default", "description", "sensitive", "nullable")
		m.described(b)
		for _, v := range b.Inner {
			m.fixed(v, []string{"condition", "error_message"}, "condition", "error_message")
			m.resolve(v, noExpr)
		}
	case "locals":
		for i := range b.Attrs {
			a := &b.Attrs[i]
			if old := m.Locals[a.Name]; old != nil {
				m.errorf(a.At, "Declared twice", "The local `%s` is declared at %s already.", a.Name, place(old.At))
				continue
			}
			m.Locals[a.Name] = a
		}
		m.locals = append(m.locals, b)
		m.resolve(b, noExpr)
	case "output":
		m.declare(m.Outputs, b, "output")
		m.fixed(b, []string{"value"}, "value", "sensitive", "description")
		m.described(b)
		m.resolve(b, noExpr)
	case "defaults":
		if !m.kinds.Known(b.Label) {
			m.errorf(&b.At, "Unknown resource type", "There is no resource type `%s`%s", b.Label, diag.Suggest(b.Label, m.kinds.Names()))
			return
		}
		m.declare(m.Defaults, b, "defaults")
		m.resolve(b, IsRelation)
	case "module":
		if m.declare(m.Calls, b, "module") {
			m.Body = append(m.Body, b)
		}
		m.resolve(b, IsRelation)
	default:
		titles := m.resources[b.Kind]
		if titles == nil {
			titles = map[string]*Block{}
			m.resources[b.Kind] = titles
		}
		if title := titleKey(b.Label); titles[title] == nil {
			titles[title] = b
		}
		m.Body = append(m.Body, b) // two of one title: the catalog compares them
		m.resolve(b, IsRelation)
	}
}

// identifier says what names are made of, see [address.IsIdentifier].
const identifier = "letters from a to z, digits, `_` and `-`, first a letter or `_`"

// titleKey is a title as references have it: the language composes the characters of its strings (NFC), and leaves titles as they are written.
func titleKey(title string) string { return cty.NormalizeString(title) }

// Resource finds the block of a resource by its type and title; nil if there is none.
func (m *Module) Resource(kind, title string) *Block { return m.resources[kind][titleKey(title)] }

func (m *Module) declare(in map[string]*Block, b *Block, what string) bool {
	if b.Kind != "defaults" && !address.IsIdentifier(b.Label) {
		m.errorf(&b.At, "Bad name", "The name must be an identifier: %s.", identifier)
		return false
	}
	if old := in[b.Label]; old != nil {
		m.errorf(&b.At, "Declared twice", "`%s %q` is declared at %s already.", what, b.Label, place(&old.Header))
		return false
	}
	in[b.Label] = b
	return true
}

func place(r *hcl.Range) string { return diag.Pos(*r).String() }

// fixed checks the attributes of a block that knows its own.
func (m *Module) fixed(b *Block, required []string, names ...string) {
	for _, a := range b.Attrs {
		if !slices.Contains(names, a.Name) {
			m.errorf(a.At, "Unknown attribute", "A block `%s` has no attribute `%s`%s", b.Kind, a.Name, diag.Suggest(a.Name, names))
		}
	}
	for _, name := range required {
		if b.Attr(name) == nil {
			m.errorf(&b.Header, "Missing attribute", "A block `%s` needs the attribute `%s`.", b.Kind, name)
		}
	}
}

// described checks that what describes a block says the same to whoever reads it.
func (m *Module) described(b *Block) {
	if a := b.Attr("description"); a != nil && !written(a.Expression) {
		m.errorf(a.Range().Ptr(), "Wrong value for `description`", "Want a string, as a constant.")
	}
}

func noExpr(string) bool { return false }

// resolve finds what the expressions of a block refer to, but for attributes that are no expressions.
func (m *Module) resolve(b *Block, except func(string) bool) {
	for i := range b.Attrs {
		if a := &b.Attrs[i]; !except(a.Name) {
			m.diags = append(m.diags, a.resolve(m.kinds, m.step)...)
			for _, ref := range a.Refs {
				if ref.Root == "fact" {
					m.Facts[ref.Name] = true
				}
			}
		}
	}
}
