package author

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/docs"
	"github.com/nodeapply/apply/resources"
)

func docsCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:     "docs [TYPE]",
		Short:   "Print the reference of a resource type, of the metaparameters, or the list of types",
		Example: "  apply docs\n  apply docs file\n  apply docs metaparameters",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return pages(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			name := index
			if len(args) > 0 {
				name = args[0]
			}
			return printReference(a, name)
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

func printReference(a *cli.App, name string) error {
	names := pages()
	if name != index && !slices.Contains(names, name) {
		if near := resources.Nearest(name, names); near != "" {
			return fmt.Errorf("there is no type %q; did you mean `%s`?", name, near)
		}
		return fmt.Errorf("there is no type %q; there are %s", name, strings.Join(names, ", "))
	}
	text, err := page(name)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(a.Stdout)
	enc.SetEscapeHTML(false)
	switch {
	case !a.JSON:
		_, err = io.WriteString(a.Stdout, text)
	case name != index:
		err = enc.Encode(newReference(name, text))
	default:
		for _, name := range names {
			if text, err = page(name); err != nil {
				return err
			}
			r := newReference(name, text)
			r.Text = "" // of one that is asked for
			if err = enc.Encode(r); err != nil {
				return err
			}
		}
	}
	return err
}
