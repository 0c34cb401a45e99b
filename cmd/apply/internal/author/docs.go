package author

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/docs"
	"github.com/nodeapply/apply/resources/nearest"
)

func docsCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:     "docs [TYPE | FUNCTION]",
		Short:   "Print the reference of a resource type, of a function, of all functions or the metaparameters, or the list of types",
		Example: "  apply docs\n  apply docs file\n  apply docs metaparameters\n  apply docs functions\n  apply docs cidrsubnets\n  apply docs 'file()'",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(pages(), slices.Sorted(maps.Keys(functions()))...), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return printIndex(a)
			}
			return printReference(a, args[0])
		},
	}
}

// pages are the names of the pages of the reference.
func pages() []string {
	entries, err := docs.Reference.ReadDir("reference")
	if err != nil {
		panic(err) // it is in the program
	}
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".md"); name != index {
			names = append(names, name)
		}
	}
	return names
}

// index is the page that lists the others.
const index = "index"

// page is the text of a page, without the comment that says where it comes from.
func page(name string) (string, error) {
	text, err := docs.Reference.ReadFile(path.Join("reference", name+".md"))
	if err != nil {
		return "", err
	}
	if body, ok := strings.CutPrefix(string(text), "<!--"); ok {
		_, body, _ = strings.Cut(body, "-->\n\n")
		return body, nil
	}
	return string(text), nil
}

// reference is a page as JSON has it.
type reference struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	Text    string `json:"text,omitempty"` // Markdown
}

// newReference is a page, whose first paragraph says what it is of.
func newReference(name, text string) reference {
	_, first, _ := strings.Cut(text, "\n\n")
	first, _, _ = strings.Cut(first, "\n\n")
	return reference{name, strings.TrimSpace(first), text}
}

// functions are the parts of the page of functions that are about one each, by its name.
func functions() map[string]string {
	text, err := page("functions")
	if err != nil {
		panic(err) // it is in the program
	}
	all := map[string]string{}
	for _, group := range strings.Split(text, "\n## ")[1:] {
		for _, one := range strings.Split(group, "\n### ")[1:] {
			name, _, _ := strings.Cut(one, "\n")
			all[name] = "# " + strings.TrimRight(one, "\n") + "\n"
		}
	}
	return all
}

// find is the text that a name or, with brackets behind it, a function's name asks for. A function that is called as a type has them.
func find(asked string) (string, error) {
	name, call := strings.CutSuffix(asked, "()")
	types, fns := pages(), functions()
	if !call && slices.Contains(types, name) {
		return page(name)
	}
	if text, ok := fns[name]; ok {
		return text, nil
	}
	if near := nearest.Of(name, append(types, slices.Sorted(maps.Keys(fns))...)); near != "" {
		return "", fmt.Errorf("there is no type nor function %q; did you mean `%s`?", asked, near)
	}
	return "", fmt.Errorf("there is no type nor function %q; there are %s", asked, strings.Join(types, ", "))
}

func printReference(a *cli.App, asked string) error {
	text, err := find(asked)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(newReference(strings.TrimSuffix(asked, "()"), text))
	}
	return a.PrintText(text)
}

// printIndex lists the pages: as JSON, a line for each, without its text.
func printIndex(a *cli.App) error {
	if !a.JSON {
		text, err := page(index)
		if err != nil {
			return err
		}
		return a.PrintText(text)
	}
	for _, name := range pages() {
		text, err := page(name)
		if err != nil {
			return err
		}
		r := newReference(name, text)
		r.Text = ""
		if err := a.PrintJSON(r); err != nil {
			return err
		}
	}
	return nil
}
