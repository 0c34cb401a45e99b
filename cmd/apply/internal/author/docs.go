package author

import (
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
			name := "index"
			if len(args) > 0 {
				name = args[0]
			}
			return printReference(a.Stdout, name)
		},
	}
}

// printReference prints a page, without the comment that says where it comes from.
// pages are the names of the pages of the reference.
func pages() []string {
	entries, err := docs.Reference.ReadDir("reference")
	if err != nil {
		panic(err) // it is in the program
	}
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".md"); name != "index" {
			names = append(names, name)
		}
	}
	return names
}

func printReference(w io.Writer, name string) error {
	names := pages()
	if name != "index" && !slices.Contains(names, name) {
		if near := resources.Nearest(name, names); near != "" {
			return fmt.Errorf("there is no type %q; did you mean `%s`?", name, near)
		}
		return fmt.Errorf("there is no type %q; there are %s", name, strings.Join(names, ", "))
	}
	text, err := docs.Reference.ReadFile(path.Join("reference", name+".md"))
	if err != nil {
		return err
	}
	if body, ok := strings.CutPrefix(string(text), "<!--"); ok {
		_, body, _ = strings.Cut(body, "-->\n\n")
		text = []byte(body)
	}
	_, err = w.Write(text)
	return err
}
