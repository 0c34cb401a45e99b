package main

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
)

const (
	module   = "github.com/nodeapply/apply/"
	metaPage = "metaparameters.md"
	hint     = "<!-- Made by `go generate ./docs` from %s. -->\n\n"
)

// pages returns the text of each page by its name.
func pages(root string) (map[string]string, error) {
	out := map[string]string{}
	index := fmt.Sprintf(hint, "the doc comments of resources/") + "# Resource types\n\n| type | what it is |\n|---|---|\n"
	for _, t := range all.Linked(nil) {
		text, summary, err := page(root, t)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", t.Name, err)
		}
		out[t.Name+".md"] = text
		index += fmt.Sprintf("| [%s](%s.md) | %s |\n", t.Name, t.Name, summary)
	}
	out["index.md"] = index + "\nEvery resource also understands the [metaparameters](" + metaPage + "). Expressions have [functions](" + functionsPage + ").\n"
	text, err := functionText(root)
	if err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	out[functionsPage] = text
	return out, nil
}

// page returns the page of a type, and its first sentence.
func page(root string, t resources.Type) (text, summary string, err error) {
	st := reflect.TypeOf(t.New("")).Elem()
	dir := strings.TrimPrefix(st.PkgPath(), module)
	decl, err := declaration(filepath.Join(root, dir), st.Name())
	if err != nil {
		return "", "", err
	}
	what := paragraphs(decl.Doc)
	if len(what) == 0 {
		return "", "", fmt.Errorf("%s has no doc comment", st.Name())
	}
	what[0] = withoutSubject(what[0], st.Name())
	var b strings.Builder
	fmt.Fprintf(&b, hint+"# %s\n\n%s\n\n", "the doc comments of "+dir, t.Name, strings.Join(what, "\n\n"))
	example, err := os.ReadFile(filepath.Join(root, "docs/gen/examples", t.Name+".hcl"))
	if err != nil {
		return "", "", err
	}
	fmt.Fprintf(&b, "```hcl\n%s```\n\n## Attributes\n\nAn attribute that is not set is not managed, unless it has a default.\n\n", example)
	if err := attributes(&b, decl, st); err != nil {
		return "", "", err
	}
	if values := slices.Concat(t.Late, t.Found); len(values) > 0 {
		fmt.Fprintf(&b, "\n## Values\n\nKnown when the resource was visited, for other blocks to use: `%s`.\n", strings.Join(values, "`, `"))
	}
	order(&b, decl)
	fmt.Fprintf(&b, "See also the [metaparameters](%s), which every resource understands", metaPage)
	if t.Timeout > 0 {
		fmt.Fprintf(&b, "; the default of `timeout` is %s here", brief(t.Timeout))
	}
	b.WriteString(".\n")
	summary, _, _ = strings.Cut(what[0], ". ")
	return b.String(), strings.TrimSuffix(summary, ".") + ".", nil
}

// brief writes a length of time without the parts of it that are none: 3m, 1h.
func brief(d time.Duration) string {
	s := d.String()
	for _, unit := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, unit) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// withoutSubject takes the name of the Go type off the sentence that begins with it.
func withoutSubject(sentence, name string) string {
	rest, ok := strings.CutPrefix(sentence, name+" ")
	if !ok {
		return sentence
	}
	rest = strings.TrimPrefix(rest, "is ")
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// declaration finds the doc comments of the type name in a folder.
func declaration(dir, name string) (*doc.Type, error) {
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, n := range names {
		if strings.HasSuffix(n, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, n, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, module+dir, doc.PreserveAST)
	if err != nil {
		return nil, err
	}
	for _, t := range p.Types {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%s is not declared in %s", name, dir)
}

// paragraphs joins the lines of each paragraph of a doc comment.
func paragraphs(comment string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.TrimSpace(comment), "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// attributes writes the list of attributes, in the order in which they are declared.
func attributes(b *strings.Builder, decl *doc.Type, st reflect.Type) error {
	fields := decl.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType).Fields.List
	for _, f := range fields {
		if len(f.Names) == 0 || f.Tag == nil {
			continue
		}
		sf, _ := st.FieldByName(f.Names[0].Name)
		name, options, _ := strings.Cut(sf.Tag.Get("hcl"), ",")
		text := paragraphs(f.Doc.Text())
		if name == "" || len(text) == 0 {
			return fmt.Errorf("field %s has no doc comment", sf.Name)
		}
		kind := kindOf(sf.Type)
		if strings.Contains(","+options+",", ",required,") {
			kind = strings.TrimPrefix(kind+", required", ", ")
		}
		if kind != "" {
			kind = " (" + kind + ")"
		}
		fmt.Fprintf(b, "- **`%s`**%s: %s\n", name, kind, strings.Join(text, " "))
	}
	return nil
}

// kindOf says in the language's words what a field holds; "" for one with a way of its own, which its comment describes.
func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[resources.Strings]():
		return "string or list"
	case reflect.TypeFor[resources.Duration]():
		return "duration"
	case reflect.TypeFor[resources.Scalar]():
		return "string or number"
	}
	if t.PkgPath() != "" {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "map"
	case reflect.Interface:
		return "any value"
	}
	return ""
}

// opening is how the comments of Provides and Requires begin.
var opening = regexp.MustCompile(`^(Provides|Requires) (is|lists|names|returns|are) `)

// order writes what the methods Provides and Requires say of themselves.
func order(b *strings.Builder, decl *doc.Type) {
	said := map[string]string{}
	for _, m := range decl.Methods {
		said[m.Name] = opening.ReplaceAllString(strings.Join(paragraphs(m.Doc), " "), "")
	}
	b.WriteString("\n")
	if said["Provides"]+said["Requires"] == "" {
		return
	}
	b.WriteString("## Identity and order\n\n")
	if what := said["Provides"]; what != "" && !strings.HasPrefix(what, "nothing") {
		fmt.Fprintf(b, "Two declarations may not share %s\n\n", what)
	}
	if what := said["Requires"]; strings.HasPrefix(what, "nothing") {
		fmt.Fprintf(b, "By itself it comes after %s\n\n", what)
	} else if what != "" {
		fmt.Fprintf(b, "By itself it comes after these, where the manifest declares them: %s\n\n", what)
	}
}
