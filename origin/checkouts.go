package origin

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/modules"
	"github.com/nodeapply/apply/scratch"
	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
)

// Options of New.
type Options struct {
	State   func() (string, error) // the state folder, asked for at the first checkout
	Warn    func(text string)
	Signers string // file of those who must have signed what is not pinned; empty: anybody
	Pinning bool   // take everything as it is now: its pins are what is wanted
}

// Checkouts are the revisions that one command reads from git. Each is a fresh folder below the state folder, which is gone when they are closed.
type Checkouts struct {
	o      Options
	pins   []pins // what is found first counts
	locked bool   // the root manifest has a lock: what it leaves out is refused

	folder  *scratch.Folder // nil before the first checkout
	trees   map[string]*source.Tree
	refused error // the first error that says "do not use this"
}

// New prepares for checkouts; nothing is touched before the first.
func New(o Options) *Checkouts { return &Checkouts{o: o} }

// tree checks a source out, once.
func (c *Checkouts) tree(ctx context.Context, src source.Source, signers string, pin *lockfile.Pin) (*source.Tree, error) {
	if t := c.trees[src.Key()]; t != nil {
		return t, nil
	}
	dir, err := c.parent()
	if err != nil {
		return nil, err
	}
	state, err := c.o.State()
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

// revision checks out a revision of the repository that path is in.
func (c *Checkouts) revision(ctx context.Context, path, revision string) (*source.Tree, error) {
	repository, err := source.OpenLocal(path)
	if err != nil {
		return nil, err
	}
	defer repository.Close()
	dir, err := c.parent()
	if err != nil {
		return nil, err
	}
	t, err := repository.Checkout(ctx, revision, source.Options{Parent: dir, Signers: c.o.Signers})
	if err != nil {
		return nil, c.note(err)
	}
	c.keep(path+"@"+revision, t)
	return t, nil
}

func (c *Checkouts) keep(key string, t *source.Tree) {
	if c.trees == nil {
		c.trees = map[string]*source.Tree{}
	}
	c.trees[key] = t
	for _, w := range t.Warnings {
		c.o.Warn(w)
	}
}

// note remembers an error that says "do not use this": inside a compilation it would become one diagnostic among others.
func (c *Checkouts) note(err error) error {
	if c.refused == nil && errors.Is(err, source.ErrUntrusted) {
		c.refused = err
	}
	return err
}

// Refused is the first error that said of something that it must not be used. Inside a compilation it is one mistake among others.
func (c *Checkouts) Refused() error { return c.refused }

// Module finds the folder of a module whose source is in git.
func (c *Checkouts) Module(ctx context.Context, text, _ string) (manifest.Folder, error) {
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
	signers := c.o.Signers
	if pin != nil {
		signers = "" // whoever vouches for the lock vouches for what it pins
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

// Has says whether a path is in a checked out revision.
func (c *Checkouts) Has(path string) bool {
	return c.folder != nil && strings.HasPrefix(path, c.folder.Dir+"/")
}

// Rewrite replaces the folders of revisions, which are other ones at each run, by their commits.
func (c *Checkouts) Rewrite(text string) string {
	if c.folder == nil || !strings.Contains(text, c.folder.Dir) {
		return text
	}
	for _, t := range c.trees {
		text = strings.ReplaceAll(text, t.Dir, "git:"+t.Commit)
	}
	return text
}

// parent makes the folder for this command's checkouts.
func (c *Checkouts) parent() (string, error) {
	if c.folder != nil {
		return c.folder.Dir, nil
	}
	state, err := c.o.State()
	if err != nil {
		return "", err
	}
	if c.folder, err = scratch.New(filepath.Join(state, "git", "checkout")); err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	return c.folder.Dir, nil
}

// Close removes what was checked out.
func (c *Checkouts) Close() error {
	if c.folder == nil {
		return nil
	}
	folder := c.folder
	c.folder = nil
	return folder.Close()
}
