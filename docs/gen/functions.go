package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
)

// functionsPage is the page that lists the functions.
const functionsPage = "functions.md"

const functionsIntro = `# Functions

The functions of expressions: those of Terraform by the same names and with the same arguments, where they make sense on a node, and ` + "`decrypt`" + `. There is no
clock and nothing random: a manifest gives the same catalog twice. Beside each example stands what it gives, as JSON.

In a signature, ` + "`[...]`" + ` may be left out, and ` + "`values...`" + ` is any number of arguments; ` + "`f(list...)`" + ` in a manifest makes arguments of the elements of a list. An argument
that is known late makes the result known late, and a sensitive one makes it sensitive, unless the function says otherwise.
`

// aFunction is what the page says of one function.
type aFunction struct {
	signature string // lookup(map, key[, default])
	what      string // what it gives
	example   string // "" where no example could give the same everywhere
}

func (f aFunction) name() string {
	name, _, _ := strings.Cut(f.signature, "(")
	return name
}

// functionText returns the page of functions. The examples are evaluated in a manifest among the files of examples/functions.
func functionText(root string) (string, error) {
	results, err := evaluate(filepath.Join(root, "docs/gen/examples/functions"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, hint, "docs/gen/signatures.go")
	b.WriteString(functionsIntro)
	for _, g := range functionGroups {
		fmt.Fprintf(&b, "\n## %s\n", g.title)
		for _, f := range g.functions {
			fmt.Fprintf(&b, "\n### %s\n\n`%s`: %s\n", f.name(), f.signature, f.what)
			if f.example != "" {
				fmt.Fprintf(&b, "\n```hcl\n%s # %s\n```\n", f.example, results[f.name()])
			}
		}
	}
	return b.String(), nil
}

// evaluate plans a manifest with an output for each example, and returns the outputs as JSON.
func evaluate(files string) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "functions")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(files)); err != nil {
		return nil, err
	}
	var src strings.Builder
	for _, g := range functionGroups {
		for _, f := range g.functions {
			if f.example != "" {
				fmt.Fprintf(&src, "output %q {\n  value = %s\n}\n", f.name(), f.example)
			}
		}
	}
	main := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(main, []byte(src.String()), 0o600); err != nil {
		return nil, err
	}
	m, err := apply.Load(context.Background(), main, apply.Options{})
	if err != nil {
		return nil, err
	}
	r, err := m.Plan(context.Background(), engine.Options{})
	if err != nil {
		return nil, err
	}
	results := map[string]string{}
	for _, o := range r.Outputs {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(o.Value); err != nil {
			return nil, err
		}
		results[o.Name] = strings.TrimSpace(text.String())
	}
	return results, nil
}
