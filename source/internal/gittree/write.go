package gittree

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// largePointer is how each file begins that stands for one which git LFS keeps elsewhere. Such files are of less than maxPointer bytes.
// Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
const (
	largePointer = "version https://git-lfs.github.com/spec/v1\n"
	maxPointer   = 1024
)

// Write puts the tree into dir, which must exist, be empty and be out of reach of others: folders and executables as 0700,
// files as 0600, submodules as empty folders. Links come last, so that no write can go through one.
func (t *Tree) Write(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, e := range t.Entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := filepath.FromSlash(e.Name)
		switch e.Mode {
		case Folder, Submodule:
			err = root.Mkdir(name, 0o700)
		case Executable:
			err = t.writeFile(root, e, 0o700)
		case File, GroupFile:
			err = t.writeFile(root, e, 0o600)
		}
		if err != nil {
			return fmt.Errorf("checkout: %w", err)
		}
	}
	for name, target := range t.targets {
		if err := root.Symlink(target, filepath.FromSlash(name)); err != nil {
			return fmt.Errorf("checkout: %w", err)
		}
	}
	return nil
}

func (t *Tree) writeFile(root *os.Root, e Entry, perm os.FileMode) error {
	content, err := t.objects.Read(e.Hash, "blob")
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	if len(content) < maxPointer && bytes.HasPrefix(content, []byte(largePointer)) {
		t.Pointers = append(t.Pointers, e.Name)
	}
	f, err := root.OpenFile(filepath.FromSlash(e.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
