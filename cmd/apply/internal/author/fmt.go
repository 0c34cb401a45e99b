package author

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/outfile"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/format"
	"github.com/nodeapply/apply/report"
)

func fmtCommand(a *cli.App) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:     "fmt [--check] PATH...",
		Short:   "Write manifests in the canonical form",
		Example: "  apply fmt .\n  apply fmt --check main.hcl\n  apply fmt - < main.hcl",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Equal(args, []string{"-"}) {
				return formatStream(a, cmd.InOrStdin(), check)
			}
			return formatAll(a, args, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only list the files that would change; exit 1 if there are any")
	return cmd
}

// formatAll formats files, and the manifests directly in folders. It names the files that it changed, or would.
func formatAll(a *cli.App, paths []string, check bool) error {
	var diags diag.List
	different := 0
	formatter := format.New()
	for _, path := range paths {
		files, err := manifestsAt(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			changed, d, err := formatFile(formatter, file, check)
			diags = append(diags, d...)
			switch {
			case err != nil:
				return err
			case changed:
				different++
				if err := list(a, file); err != nil {
					return err
				}
			}
		}
	}
	switch {
	case diags.HasErrors():
		return diags
	case check && different > 0:
		files, them := "1 file is", "it"
		if different > 1 {
			files, them = fmt.Sprintf("%d files are", different), "them"
		}
		words := make([]string, len(paths))
		for i, path := range paths {
			words[i] = report.Word(path)
		}
		return fmt.Errorf("%s not in the canonical form; apply fmt %s corrects %s", files, strings.Join(words, " "), them)
	}
	return nil
}

// list tells of a file that is, or was, not in the canonical form.
func list(a *cli.App, file string) error {
	if !a.JSON {
		_, err := fmt.Fprintln(a.Stdout, report.Printable(file))
		return err
	}
	return a.PrintJSON(struct {
		Event string `json:"event"`
		File  string `json:"file"`
	}{"format", file})
}

// formatStream formats what comes from standard input to standard output.
func formatStream(a *cli.App, in io.Reader, check bool) error {
	formatted, src, diags := format.New().Text("<stdin>", in)
	switch {
	case diags.HasErrors():
		return diags
	case !check:
		_, err := a.Stdout.Write(formatted)
		return err
	case !bytes.Equal(formatted, src):
		return errors.New("standard input is not in the canonical form")
	}
	return nil
}

func manifestsAt(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if name := e.Name(); !e.IsDir() && strings.HasSuffix(name, ".hcl") && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(path, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no .hcl files", path)
	}
	return files, nil
}

func formatFile(f *format.Formatter, file string, check bool) (changed bool, diags diag.List, err error) {
	formatted, src, diags := f.File(file)
	if diags.HasErrors() || bytes.Equal(formatted, src) {
		return false, diags, nil
	}
	if check {
		return true, diags, nil
	}
	return true, diags, outfile.Rewrite(file, formatted)
}
