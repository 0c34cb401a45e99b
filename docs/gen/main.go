// Command gen writes docs/reference: a page for each resource type from its doc comments, where what the comment of a field says is what its user reads, and
// one of the functions, whose examples it evaluates. It is run in the folder docs, by go generate. The page on metaparameters is written by hand and stays.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write(".."); err != nil {
		fmt.Fprintf(os.Stderr, "gen: %v\n", err)
		os.Exit(1)
	}
}

// write writes the pages of the repository at root.
func write(root string) error {
	all, err := pages(root)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "docs/reference")
	old, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, ok := all[filepath.Base(name)]; !ok && filepath.Base(name) != metaPage {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
