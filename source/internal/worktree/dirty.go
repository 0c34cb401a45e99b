package worktree

import (
	"bufio"
	"context"
	"crypto/sha1" // git's own hash of a file in the work tree
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"

	"github.com/nodeapply/apply/source/internal/gittree"
	"github.com/nodeapply/apply/source/internal/odb"
)

const maxEntries = 10_000_000 // of a work tree that is compared

// Dirty tells whether the files differ from the commit: a tracked file's content, kind or executable bit, what is staged,
// or a manifest that is not tracked in a folder with tracked ones. Files are told apart as git does, by what its index recorded
// of their inodes; only those that look touched are read. focus is the absolute path of the manifest or folder of manifests
// that is about to be used.
func (r Repository) Dirty(ctx context.Context, commit odb.Hash, focus string) (bool, error) {
	f, err := os.Open(filepath.Join(r.GitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // nothing is tracked, yet there is a manifest
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	idx := new(index.Index)
	if err := index.NewDecoder(bufio.NewReader(f)).Decode(idx); err != nil {
		return false, fmt.Errorf("index: %w", err)
	}
	if dirty, err := r.untracked(idx, focus); dirty || err != nil {
		return dirty, err
	}
	for i, e := range idx.Entries {
		if i%256 == 0 && ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if dirty, err := r.touched(ctx, e, info.ModTime()); dirty || err != nil {
			return dirty, err
		}
	}
	return r.staged(ctx, idx, commit)
}

// touched compares one entry of the index with the file.
func (r Repository) touched(ctx context.Context, e *index.Entry, written time.Time) (bool, error) {
	if e.Stage != 0 || e.IntentToAdd { // a conflict; index.Merged is 1, which no merged entry has
		return true, nil
	}
	if e.Mode == filemode.Submodule || e.SkipWorktree {
		return false, nil
	}
	path := filepath.Join(r.Worktree, filepath.FromSlash(e.Name))
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	isLink := info.Mode()&fs.ModeSymlink != 0
	switch {
	case isLink != (e.Mode == filemode.Symlink), !isLink && !info.Mode().IsRegular():
		return true, nil
	case !isLink && (info.Mode()&0o100 != 0) != (e.Mode == filemode.Executable):
		return true, nil
	}
	st := info.Sys().(*syscall.Stat_t)
	same := uint32(info.Size()) == e.Size && uint32(st.Ino) == e.Inode && info.ModTime().Equal(e.ModifiedAt) &&
		time.Unix(st.Ctim.Unix()).Equal(e.CreatedAt)
	// A file written in the same instant as the index may have changed after it without a trace.
	if same && e.ModifiedAt.Before(written) {
		return false, nil
	}
	h, err := hashFile(ctx, path, info)
	return h != odb.Hash(e.Hash), err
}

func hashFile(ctx context.Context, path string, info fs.FileInfo) (h odb.Hash, err error) {
	var content io.Reader
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		if err != nil {
			return h, err
		}
		content = strings.NewReader(target)
	} else {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			return h, err
		}
		defer f.Close()
		content = f
	}
	sum := sha1.New()
	fmt.Fprintf(sum, "blob %d\x00", info.Size())
	if _, err := io.Copy(sum, contextReader{ctx, content}); err != nil {
		return h, err
	}
	return odb.Hash(sum.Sum(nil)), nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// untracked looks for manifests that git does not know, in focus and in every folder that holds a tracked one.
func (r Repository) untracked(idx *index.Index, focus string) (bool, error) {
	tracked, folders := map[string]bool{}, map[string]bool{}
	for _, e := range idx.Entries {
		if isManifest(e.Name) {
			tracked[e.Name] = true
			folders[filepath.Dir(filepath.FromSlash(e.Name))] = true
		}
	}
	if name, err := filepath.Rel(r.Worktree, focus); err == nil && filepath.IsLocal(name) {
		if info, err := os.Stat(focus); err == nil && info.IsDir() {
			folders[name] = true
		} else if !slices.ContainsFunc(idx.Entries, func(e *index.Entry) bool { return e.Name == filepath.ToSlash(name) }) {
			return true, nil
		}
	}
	for folder := range folders {
		entries, err := os.ReadDir(filepath.Join(r.Worktree, folder))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a tracked file is missing: found below
		}
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if isManifest(e.Name()) && !tracked[filepath.ToSlash(filepath.Join(folder, e.Name()))] {
				return true, nil
			}
		}
	}
	return false, nil
}

func isManifest(name string) bool {
	return strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")
}

// staged tells whether the index holds another tree than the commit.
func (r Repository) staged(ctx context.Context, idx *index.Index, commit odb.Hash) (bool, error) {
	if commit == (odb.Hash{}) {
		return len(idx.Entries) > 0, nil
	}
	store, err := odb.Open(r.CommonDir)
	if err != nil {
		return false, err
	}
	defer store.Close()
	c, err := store.Commit(commit)
	if err != nil {
		return false, err
	}
	if idx.Cache != nil && len(idx.Cache.Entries) > 0 {
		if root := idx.Cache.Entries[0]; root.Path == "" && root.Entries >= 0 {
			return odb.Hash(root.Hash) != c.Tree, nil
		}
	}
	tree, err := gittree.List(ctx, store, c.Tree, maxEntries)
	if err != nil {
		return false, err
	}
	count := 0
	for _, e := range tree {
		if e.Mode != gittree.Folder {
			count++
		}
	}
	if count != len(idx.Entries) {
		return true, nil
	}
	want := make(map[string]gittree.Entry, len(tree))
	for _, e := range tree {
		want[e.Name] = e
	}
	for _, e := range idx.Entries {
		if w, ok := want[e.Name]; !ok || w.Hash != odb.Hash(e.Hash) || uint32(w.Mode) != uint32(e.Mode) {
			return true, nil
		}
	}
	return false, nil
}
