// Package variables gives the variables of modules their values: it reads those that come from outside, and holds them against what is declared.
package variables

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Source gives values to variables of the root module: one value, or a file of them.
type Source struct {
	File string // HCL (name = value), or JSON if its name ends in .json
	Text []byte // what was read from File, which cannot be read again: a pipe; nil for one that can

	Name  string
	Value string // the text itself for a variable of type string, else an expression of constants
	// Origin says where the value came from, for messages: "--var device", "APPLY_VAR_device".
	Origin string
	// Optional: a name that the module has no variable for is no mistake (the environment).
	Optional bool
}

// Given is one value from outside.
type Given struct {
	Val cty.Value
	OK  bool // false: it could not be read, and that was told
	At  *hcl.Range
}

// reader collects what is wrong on its way.
type reader struct {
	ctx   context.Context
	files *files.Reader
	diags hcl.Diagnostics
	// secretive says whether what is given to a variable may be sensitive, "" for one that is not known.
	secretive func(variable string) bool
	declared  map[string]*syntax.Block
	lost      *hcl.Range // a file that could not be read
}

func (r *reader) errorf(at *hcl.Range, summary, detail string, args ...any) {
	r.diags = append(r.diags, diag.Errorf(at, summary, detail, args...))
}

// Read reads the values of all sources, later ones before earlier ones, for the variables of m. Without a module, nil, it only finds what cannot be read.
func Read(ctx context.Context, f *files.Reader, sources []Source, m *syntax.Module) (map[string]Given, hcl.Diagnostics) {
	given := map[string]Given{}
	var names []string
	variables := map[string]*syntax.Block{}
	if m != nil {
		variables = m.Variables
		names = slices.Sorted(maps.Keys(variables))
	}
	sensitive := func(name string) bool { return variables[name] != nil && variables[name].Attr("sensitive") != nil }
	r := &reader{ctx: ctx, files: f, declared: variables, secretive: func(name string) bool {
		return m == nil || sensitive(name) || variables[name] == nil && slices.ContainsFunc(names, sensitive)
	}}
	take := func(name string, at *hcl.Range, v Given, optional bool) {
		if variables[name] != nil {
			given[name] = v
		} else if !optional && m != nil {
			unknown := diag.Errorf(at, "Unknown variable", "There is no variable `%s`%s", name, diag.Suggest(name, names))
			unknown.Extra = diag.Unshown{} // the misspelt one may be that of a password
			r.diags = append(r.diags, unknown)
		}
	}
	for _, src := range sources {
		if src.File != "" {
			r.file(src.File, src.Text, take)
			continue
		}
		at := &hcl.Range{Filename: src.Origin}
		take(src.Name, at, r.parse(variables[src.Name], src, at), src.Optional)
	}
	for name, b := range variables {
		if _, ok := given[name]; !ok && r.lost != nil && b.Attr("default") == nil { // it may be in the file
			given[name] = Given{At: r.lost}
		}
	}
	return given, r.diags
}

// parse reads a value that was given as text: as it is where the variable wants a string, a number or a boolean; else as an expression. For the type any it
// is an expression if it can be one. What no type says, the default does.
func (r *reader) parse(b *syntax.Block, src Source, at *hcl.Range) Given {
	if b != nil && !utf8.ValidString(src.Value) {
		r.errorf(at, "Wrong value for variable `"+src.Name+"`", "It is not UTF-8 text.")
		return Given{At: at}
	}
	text := Given{cty.StringVal(strings.ToValidUTF8(src.Value, "\uFFFD")), true, at}
	if b == nil {
		return text
	}
	ty := cty.DynamicPseudoType
	switch a := b.Attr("type"); {
	case a != nil:
		var diags hcl.Diagnostics
		if ty, _, diags = typeexpr.TypeConstraintWithDefaults(a.Expression); diags.HasErrors() || ty.IsPrimitiveType() {
			return text
		}
	case !r.collects(b):
		return text
	}
	v, diags := r.expression(at.Filename, src.Value)
	switch {
	case !diags.HasErrors():
		return Given{v, true, at}
	case ty == cty.DynamicPseudoType && !limits.Over(diags):
		return text
	}
	why := strings.TrimSuffix(diags[0].Detail, ".")
	switch diags[0].Summary {
	case "Variables not allowed":
		why = "it names something; a string is written in quotes"
	case "Extra characters after expression":
		why = "it goes on after its end; several values are written [\"a\", \"b\"]"
	}
	r.errorf(at, "Wrong value for variable `"+src.Name+"`", "Not a value of type `%s`: %s.", typeText(ty), why)
	return Given{At: at}
}

// collects says whether the default of a variable has elements or attributes.
func (r *reader) collects(b *syntax.Block) bool {
	a := b.Attr("default")
	if a == nil {
		return false
	}
	v, diags := limits.Constant(r.ctx, a.Expression)
	return !diags.HasErrors() && v.CanIterateElements()
}

// expression evaluates a text that refers to nothing.
func (r *reader) expression(name, text string) (cty.Value, hcl.Diagnostics) {
	if diags := limits.CheckExpression(name, []byte(text)); diags.HasErrors() {
		return cty.NilVal, diags
	}
	x, diags := hclsyntax.ParseExpression([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return limits.Constant(r.ctx, x)
}

// file reads the values in a file; what it refers to is a mistake.
func (r *reader) file(name string, text []byte, take func(name string, at *hcl.Range, v Given, optional bool)) {
	var body hcl.Body
	var diags hcl.Diagnostics
	if text != nil {
		body, diags = r.files.Text(r.ctx, name, bytes.NewReader(text))
	} else {
		body, diags = r.files.Body(r.ctx, name)
	}
	r.unreadable(name, diags)
	if body == nil {
		r.lost = &hcl.Range{Filename: name}
		return
	}
	attrs, diags := body.JustAttributes()
	r.unreadable(name, diags)
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[attr]
		given := Given{At: a.Expr.Range().Ptr()}
		v, diags := limits.Constant(r.ctx, a.Expr)
		switch {
		case limits.Over(diags):
			r.diags = append(r.diags, diags...)
		case diags.HasErrors():
			d := diag.Errorf(given.At, "Not a constant", "A value in a variables file refers to nothing else and calls no function. A string is written in quotes.")
			if r.secretive(attr) { // the quotes may be missing around a password
				d.Extra = diag.Unshown{}
			}
			r.diags = append(r.diags, d)
		default:
			given.Val, given.OK = v, true
		}
		take(attr, &a.NameRange, given, false)
	}
}

// form is what a file of values looks like.
const form = "Such a file holds lines of the form `NAME = VALUE`, each name once, or is JSON."

// unreadable reports what is wrong with the syntax of a file. Nothing of the file is shown if a value in it may be sensitive: which of them is not
// known.
func (r *reader) unreadable(name string, found hcl.Diagnostics) {
	if len(found) > 0 && r.secretive("") {
		file := r.files.File(name)
		for _, d := range found {
			d.Extra = diag.Unshown{}
			if at := d.Subject; file != nil && at != nil && at.CanSliceBytes(file.Bytes) {
				text := string(at.SliceBytes(file.Bytes))
				if r.declared[strings.Trim(text, `"`)] == nil && text != "" && strings.Contains(d.Detail, text) {
					d.Detail = "This cannot stand here. " + form
				}
			}
		}
	}
	for _, d := range found {
		if d.Summary == files.Unreadable {
			d.Summary = "Unreadable file of values"
		}
		if strings.HasPrefix(d.Detail, "Want a block") {
			d.Summary, d.Detail = "Not a value of a variable", form
		}
	}
	r.diags = append(r.diags, found...)
}
