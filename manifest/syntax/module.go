// Package syntax takes the manifests of one module for what they declare: blocks, attributes and what expressions refer to, before
// anything is evaluated. It finds the mistakes that can be seen without a value.
package syntax

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/reference"
)

// Module is what the files of one folder (or one file) declare.
type Module struct {
	Variables map[string]*Block // attributes as far as given; Inner: validation blocks
	Locals    map[string]*Attr
	Outputs   map[string]*Block
	Calls     map[string]*Block // module blocks by name
	Defaults  map[string]*Block // by type
	// Body lists resources and calls in order of declaration.
	Body []*Block
	// Facts names the facts that any expression mentions.
	Facts map[string]bool
	// Single says that the module is one file, not a folder.
	Single bool
	// Partial says that not all of its files could be parsed: they may declare what the others refer to, which is not looked at.
	Partial bool

	resources map[string]map[string]*Block // by type and titleKey
	locals    []*Block
	files     *files.Reader
	kinds     reference.Kinds
	step      func()
	diags     hcl.Diagnostics
}

// Block is one block.
type Block struct {
	Kind  string // a resource type, or module, variable, output, defaults, validation
	Label string
	// Header is the place of the block's header, At that of its label, else of its type.
	Header, At hcl.Range
	Attrs      []Attr // in order of position
	Inner      []*Block
}

// Attr is one attribute.
type Attr struct {
	Name string
	At   *hcl.Range // of the name
	Expr
}

// Attr finds an attribute by its name; nil if there is none.
func (b *Block) Attr(name string) *Attr {
	for i := range b.Attrs {
		if b.Attrs[i].Name == name {
			return &b.Attrs[i]
		}
	}
	return nil
}

// Holds says whether a range begins in the block.
func (b *Block) Holds(r *hcl.Range) bool {
	end := b.Header.End.Byte
	for i := range b.Attrs {
		end = max(end, b.Attrs[i].Range().End.Byte)
	}
	return r.Filename == b.Header.Filename && b.Header.Start.Byte <= r.Start.Byte && r.Start.Byte <= end
}

// Reader reads modules.
type Reader struct {
	Files *files.Reader
	Kinds reference.Kinds
	// Step, if not nil, is called by the expressions that are read, whenever they are evaluated, between two elements: it may end the goroutine.
	Step func()
}

// Read reads a file, or all manifests of a folder; shown is how positions write its path. A module is returned unless none of its files could be parsed.
func (r *Reader) Read(ctx context.Context, path, shown string) (*Module, hcl.Diagnostics) {
	bodies, single, diags := r.Files.Manifests(ctx, path, shown)
	if len(bodies) == 0 {
		return nil, diags
	}
	m := &Module{
		Variables: map[string]*Block{}, Locals: map[string]*Attr{}, Outputs: map[string]*Block{}, Calls: map[string]*Block{},
		resources: map[string]map[string]*Block{}, Defaults: map[string]*Block{}, Facts: map[string]bool{}, files: r.Files, kinds: r.Kinds, step: r.Step,
		Single: single, Partial: diags.HasErrors(), diags: diags,
	}
	for _, body := range bodies {
		if native, ok := body.(*hclsyntax.Body); ok {
			m.native(native)
		} else {
			m.generic(body)
		}
	}
	if m.Partial {
		m.Discreet(m.diags[len(diags):])
	} else {
		m.link()
	}
	return m, m.diags
}

// Discreet keeps out the excerpts of mistakes in files that speak of what is sensitive: where nothing is evaluated, nobody knows what of it is.
func (m *Module) Discreet(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Subject == nil {
			continue
		}
		if f := m.files.File(d.Subject.Filename); f == nil || bytes.Contains(f.Bytes, []byte("sensitive")) {
			d.Extra = diag.Unshown{}
		}
	}
}

func (m *Module) errorf(at *hcl.Range, summary, detail string, args ...any) {
	m.diags = append(m.diags, diag.Errorf(at, summary, detail, args...))
}

// labels says how many labels the blocks of the language have; every resource type has one.
var labels = map[string]int{"variable": 1, "locals": 0, "output": 1, "module": 1, "defaults": 1}

func (m *Module) blockNames() []string {
	return slices.Concat(slices.Sorted(maps.Keys(labels)), m.kinds.Names())
}

// native takes a file in native syntax without the detour over schemas, which costs as much as parsing.
func (m *Module) native(body *hclsyntax.Body) {
	for _, a := range sortedAttrs(body) {
		hint := ". A file of values for `--var-file` that stands in the manifest's folder must not end in .hcl: call it site.tfvars, say."
		if m.kinds.Known(a.Name) || a.Name == "locals" {
			hint = ". Write a block, without the equals sign."
		}
		m.errorf(&a.NameRange, "Unknown argument", "A manifest holds blocks; there is no argument `%s` outside of one%s", a.Name, hint)
	}
	for _, b := range body.Blocks {
		n, known := labels[b.Type]
		if !known && m.kinds.Known(b.Type) {
			n, known = 1, true
		}
		if !known {
			hint := m.meant(b)
			m.errorf(&b.TypeRange, "Unknown block", "There is no block or resource type `%s`%s", b.Type, hint)
			continue
		}
		if len(b.Labels) != n {
			at := b.TypeRange
			if len(b.Labels) > n {
				at = b.LabelRanges[n]
			}
			want := map[int]string{0: "no title", 1: "one title"}[n]
			m.errorf(&at, "Wrong number of titles", "A block `%s` has %s: `%s`.", b.Type, want, example(b.Type, n))
			continue
		}
		m.add(m.nativeBlock(b))
	}
}

// meant says what to write for a block that there is not, as the end of a sentence.
func (m *Module) meant(b *hclsyntax.Block) string {
	switch b.Type {
	case "terraform", "provider":
		return "; nothing takes its place: leave it out."
	case "data":
		return "; what is known of the node are facts: `fact.NAME`."
	case "resource":
		if len(b.Labels) != 2 {
			break
		}
		kind := b.Labels[0]
		if near := diag.Meant(kind, m.blockNames()); near != "" && !m.kinds.Known(kind) {
			kind = near
		}
		if m.kinds.Known(kind) {
			return fmt.Sprintf("; did you mean `%s %q { ... }`?", kind, b.Labels[1])
		}
		return fmt.Sprintf("; a resource is written `TYPE %q { ... }`, and its TYPE is one of %s.", b.Labels[1], strings.Join(m.kinds.Names(), ", "))
	}
	return diag.Suggest(b.Type, m.blockNames())
}

func example(kind string, n int) string {
	if n == 0 {
		return kind + " { ... }"
	}
	return kind + ` "title" { ... }`
}

func sortedAttrs(body *hclsyntax.Body) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(body.Attributes), func(a, b *hclsyntax.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
}

func (m *Module) nativeBlock(b *hclsyntax.Block) *Block {
	out := &Block{Kind: b.Type, Header: b.DefRange(), At: b.TypeRange}
	if len(b.Labels) > 0 {
		out.Label, out.At = b.Labels[0], b.LabelRanges[0]
	}
	if len(b.Body.Attributes) > 0 {
		out.Attrs = make([]Attr, 0, len(b.Body.Attributes))
	}
	for _, a := range b.Body.Attributes {
		out.Attrs = append(out.Attrs, Attr{Name: a.Name, At: &a.NameRange, Expr: Expr{Expression: a.Expr}})
	}
	slices.SortFunc(out.Attrs, func(a, b Attr) int { return a.At.Start.Byte - b.At.Start.Byte })
	for _, inner := range b.Body.Blocks {
		switch {
		case b.Type == "variable" && inner.Type == "validation" && len(inner.Labels) == 0:
			out.Inner = append(out.Inner, m.nativeBlock(inner))
		case inner.Type == "dynamic" && len(inner.Labels) == 1: // as Terraform has it
			m.errorf(&inner.TypeRange, "Unknown block", "%s", undynamic(b.Type, inner.Labels[0]))
		default:
			m.errorf(&inner.TypeRange, "Unknown block", "A block `%s` holds no block `%s`%s", b.Type, inner.Type, instead(inner.Type))
		}
	}
	return out
}

// instead says what there is in place of a block in a block, as the end of a sentence.
func instead(inner string) string {
	switch inner {
	case "provisioner":
		return ": a command is a block `exec` of its own, with `require` or `subscribe`."
	case "lifecycle", "connection":
		return "; nothing takes its place: leave it out."
	}
	return fmt.Sprintf(". If it is an attribute, write `%s = { ... }`.", inner)
}

// undynamic says what there is in place of a block that makes several blocks.
func undynamic(kind, repeated string) string {
	many := fmt.Sprintf("an attribute is made of many by `%s = [for ... ]` or `%[1]s = { for ... }`.", repeated)
	switch kind {
	case "variable":
		return "A block `variable` holds nothing but blocks `validation`, each written out; one `condition` may look at many elements: `alltrue([for ... ])`."
	case "locals", "output", "defaults":
		return fmt.Sprintf("A block `%s` holds no blocks; ", kind) + many
	}
	return fmt.Sprintf("A block `%s` holds no blocks. `for_each` repeats all of it; ", kind) + many
}

// generic takes a file in JSON syntax, where only a schema tells blocks from attributes.
func (m *Module) generic(body hcl.Body) {
	schema := &hcl.BodySchema{}
	for _, name := range m.blockNames() {
		h := hcl.BlockHeaderSchema{Type: name}
		if n, ok := labels[name]; !ok || n == 1 {
			h.LabelNames = []string{"title"}
		}
		schema.Blocks = append(schema.Blocks, h)
	}
	content, diags := body.Content(schema)
	m.diags = append(m.diags, diags...)
	for _, b := range content.Blocks {
		m.add(m.genericBlock(b))
	}
}

func (m *Module) genericBlock(b *hcl.Block) *Block {
	out := &Block{Kind: b.Type, Header: b.DefRange, At: b.TypeRange}
	if len(b.Labels) > 0 {
		out.Label, out.At = b.Labels[0], b.LabelRanges[0]
	}
	rest := b.Body
	if b.Type == "variable" {
		content, remain, diags := b.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "validation"}}})
		m.diags = append(m.diags, diags...)
		for _, inner := range content.Blocks {
			out.Inner = append(out.Inner, m.genericBlock(inner))
		}
		rest = remain
	}
	attrs, diags := rest.JustAttributes()
	m.diags = append(m.diags, diags...)
	for _, a := range attrs {
		out.Attrs = append(out.Attrs, Attr{Name: a.Name, At: &a.NameRange, Expr: Expr{Expression: a.Expr}})
	}
	slices.SortFunc(out.Attrs, func(a, b Attr) int { return a.At.Start.Byte - b.At.Start.Byte })
	return out
}
