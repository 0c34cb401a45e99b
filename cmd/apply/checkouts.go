package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/modules"
	"github.com/nodeapply/apply/source"
)

// checkouts are the revisions that one command reads from git. Each is a fresh folder below the state folder, which is gone when the command has ended.
type checkouts struct {
	state   func() (string, error) // the state folder, asked for at the first checkout
	warn    func(string)
	signers string // demanded of what is not pinned
	pins    []pins // what is found first counts
	locked  bool   // the root manifest has a lock: what it leaves out is refused
	pinning bool   // take everything as it is now: its pins are what is wanted

	dir     string
	held    *os.File // dir, locked: others leave it alone
	trees   map[string]*source.Tree
	refused error // the first error that says "do not use this"
}

// pins are a lock and the file that it is from.
type pins struct {
	file string
	lock source.Lock
}

// readPins reads a lock file; ok is false where there is none.
func readPins(file string) (p pins, ok bool, err error) {
	text, err := limits.ReadFile(limits.Host{}, file, limits.MaxFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return pins{}, false, nil
	}
	if err != nil {
		return pins{}, false, err
	}
	lock, err := source.ParseLock(file, text)
	return pins{file, lock}, true, err
}

// tree checks a source out, once.
func (c *checkouts) tree(ctx context.Context, src source.Source, signers string, pin *source.Pin) (*source.Tree, error) {
	if t := c.trees[src.Key()]; t != nil {
		return t, nil
	}
	dir, err := c.parent()
	if err != nil {
		return nil, err
	}
	state, err := c.state()
	if err != nil {
		return nil, err
	}
	whole := src
	whole.Folder = "" // other folders of this revision may be asked for later
	t, err := source.Checkout(ctx, whole, source.Options{StateDir: state, Parent: dir, Signers: signers, Pin: pin})
	if err != nil {
		return nil, c.note(err)
	}
	c.keep(src.Key(), t)
	return t, nil
}

func (c *checkouts) keep(key string, t *source.Tree) {
	if c.trees == nil {
		c.trees = map[string]*source.Tree{}
	}
	c.trees[key] = t
	for _, w := range t.Warnings {
		c.warn(w)
	}
}

// note remembers an error that says "do not use this": inside a compilation it would become one diagnostic among others.
func (c *checkouts) note(err error) error {
	if c.refused == nil && errors.Is(err, source.ErrUntrusted) {
		c.refused = err
	}
	return err
}

// pinned finds the pin of a source; nil if there is none and none is needed.
func (c *checkouts) pinned(src source.Source) (*source.Pin, error) {
	if c.pinning {
		return nil, nil
	}
	for _, p := range c.pins {
		if pin, ok := p.lock[src.Key()]; ok {
			return &pin, nil
		}
	}
	if c.locked {
		return nil, c.note(fmt.Errorf("%s is %w: it is not in %s; apply lock pins it", src.Key(), source.ErrUntrusted, c.pins[0].file))
	}
	return nil, nil
}

// module finds the folder of a module whose source is in git.
func (c *checkouts) module(ctx context.Context, text, _ string) (manifest.Folder, error) {
	src, err := source.Parse(text)
	if err != nil {
		return manifest.Folder{}, err
	}
	if !src.Git() {
		return manifest.Folder{}, modules.Unknown(text)
	}
	pin, err := c.pinned(src)
	if err != nil {
		return manifest.Folder{}, err
	}
	signers := c.signers
	if pin != nil {
		signers = "" // who vouches for the lock vouches for what it pins
	}
	t, err := c.tree(ctx, src, signers, pin)
	if err != nil {
		return manifest.Folder{}, err
	}
	dir, err := t.Inside(src.Folder)
	return manifest.Folder{Dir: dir, Shown: label(t, src, dir), Within: t.Dir}, err
}

// label is how positions write a folder of another repository: its name, the revision, and the path in it.
func label(t *source.Tree, src source.Source, dir string) string {
	name := strings.TrimSuffix(path.Base(strings.ReplaceAll(src.URL, ":", "/")), ".git")
	ref := src.Ref
	if ref == "" {
		ref = t.Commit[:min(12, len(t.Commit))]
	}
	return path.Join(name+"@"+ref, within(t, dir))
}

// within is a path of a tree relative to its root.
func within(t *source.Tree, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, t.Dir), "/")
}

// parent makes the folder for this command's checkouts. It is locked, which ends with the process however that ends: what is not locked is left
// over, and removed here.
func (c *checkouts) parent() (string, error) {
	if c.dir != "" {
		return c.dir, nil
	}
	state, err := c.state()
	if err != nil {
		return "", err
	}
	all := filepath.Join(state, "git", "checkout")
	if err := os.MkdirAll(all, 0o700); err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	if err := sweepCheckouts(all); err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	for c.dir == "" {
		dir, err := os.MkdirTemp(all, "")
		if err == nil {
			dir, err = filepath.EvalSymlinks(dir)
		}
		if err != nil {
			return "", fmt.Errorf("checkout: %w", err)
		}
		f, err := hold(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EWOULDBLOCK): // swept by another command before it was locked
			continue
		case err != nil:
			return "", fmt.Errorf("checkout: %w", err)
		}
		c.dir, c.held = dir, f
	}
	return c.dir, nil
}

// hold locks a folder.
func hold(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := os.Lstat(dir); err != nil { // removed between opening and locking
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweepCheckouts removes what commands that died have left.
func sweepCheckouts(all string) error {
	entries, err := os.ReadDir(all)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(all, e.Name())
		f, err := hold(dir)
		if err != nil {
			continue // in use, or gone
		}
		if err := errors.Join(os.RemoveAll(dir), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// has says whether a path is in a checked out revision.
func (c *checkouts) has(path string) bool { return c.dir != "" && strings.HasPrefix(path, c.dir+"/") }

// rewrite replaces the folders of revisions, which are other ones at each run, by their commits.
func (c *checkouts) rewrite(text string) string {
	if c.dir == "" || !strings.Contains(text, c.dir) {
		return text
	}
	for _, t := range c.trees {
		text = strings.ReplaceAll(text, t.Dir, "git:"+t.Commit)
	}
	return text
}

// end removes what was checked out.
func (c *checkouts) end() error {
	if c.dir == "" {
		return nil
	}
	dir := c.dir
	c.dir = ""
	return errors.Join(os.RemoveAll(dir), c.held.Close())
}
