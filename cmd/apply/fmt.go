package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/spf13/cobra"
)

func (a *app) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:     "fmt [--check] PATH...",
		Short:   "Write manifests in the canonical form",
		Example: "  apply fmt .\n  apply fmt --check main.hcl\n  apply fmt - < main.hcl",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Equal(args, []string{"-"}) {
				return a.formatStream(cmd.InOrStdin(), check)
			}
			return a.format(args, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only list the files that would change; exit 1 if there are any")
	return cmd
}

// format formats files, and the manifests directly in folders. It names the files that it changed, or would.
func (a *app) format(paths []string, check bool) error {
	var diags diag.List
	different := 0
	formatter := manifest.NewFormatter()
	for _, path := range paths {
		files, err := manifestsAt(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			changed, d, err := a.formatFile(formatter, file, check)
			diags = append(diags, d...)
			switch {
			case err != nil:
				return err
			case changed:
				different++
				fmt.Fprintln(a.stdout, file)
			}
		}
	}
	switch {
	case diags.HasErrors():
		return diags
	case check && different > 0:
		return fmt.Errorf("%d files are not in the canonical form; apply fmt %s corrects them", different, strings.Join(paths, " "))
	}
	return nil
}

// formatStream formats what comes from standard input to standard output.
func (a *app) formatStream(in io.Reader, check bool) error {
	formatted, src, diags := manifest.NewFormatter().Text("<stdin>", in)
	switch {
	case diags.HasErrors():
		return diags
	case !check:
		_, err := a.stdout.Write(formatted)
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
	files, err := filepath.Glob(filepath.Join(path, "*.hcl"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .hcl files", path)
	}
	return files, err
}

func (a *app) formatFile(f *manifest.Formatter, file string, check bool) (changed bool, diags diag.List, err error) {
	formatted, src, diags := f.File(file)
	if diags.HasErrors() || bytes.Equal(formatted, src) {
		return false, diags, nil
	}
	if check {
		return true, diags, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return false, diags, err
	}
	return true, diags, replaceFile(file, formatted, info.Mode().Perm())
}

// replaceFile puts content in the place of a file of the user's, whole or not at all.
func replaceFile(name string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".apply-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
