// Package origin says where a manifest is from, and brings it here: a file or folder as it is, a work tree with its commit, or a revision of a
// repository, which is checked out for as long as a command runs, with the modules that its manifests name.
//
// What must not be used (a wrong signature, a moved tag, another user's repository, a module that a lock leaves out) is source.ErrUntrusted.
package origin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
)

// Origin says where a manifest is from, and where it is read.
type Origin struct {
	Name   string   // as it was given, for reports
	Source string   // the same for all revisions: an absolute path, or git::URL//folder
	Ref    string   // as it was asked for
	Commit string   // empty where it is of none
	Dirty  bool     // a work tree that differs from its commit
	Vars   []string // NAME=VALUE, as its seat has sent them along

	Path   string // the file or folder to read
	Shown  string // how positions write it
	Within string // the folder that its modules cannot leave; empty: any
}

// Find finds a manifest. From git it is checked out; a path is taken as it is, and refused where it belongs to a repository of another user. The lock
// beside the manifest holds from now on.
func (c *Checkouts) Find(ctx context.Context, src source.Source) (Origin, error) {
	if src.Git() {
		return c.fetch(ctx, src)
	}
	return c.local(ctx, src.Path)
}

// fetch brings a manifest from git. Pins of the tree itself are beside the manifest in it, the pin of the tree is in the state folder.
func (c *Checkouts) fetch(ctx context.Context, src source.Source) (Origin, error) {
	state, err := c.o.State()
	if err != nil {
		return Origin{}, err
	}
	own, _, err := readPins(filepath.Join(state, lockfile.Name))
	if err != nil {
		return Origin{}, err
	}
	c.pins = []pins{own}
	pin, err := c.pinned(src)
	if err != nil {
		return Origin{}, err
	}
	t, err := c.tree(ctx, src, c.o.Signers, pin)
	if err != nil {
		return Origin{}, err
	}
	o := Origin{Name: src.String(), Source: source.Source{URL: src.URL, Folder: src.Folder}.String(), Ref: src.Ref, Commit: t.Commit, Within: t.Dir}
	if o.Path, err = t.Inside(src.Folder); err != nil {
		return o, err
	}
	o.Shown = shownIn(t, o.Path)
	return o, c.lockBeside(o.Path)
}

// local takes a manifest where it is. Of a work tree the commit is told.
func (c *Checkouts) local(ctx context.Context, path string) (Origin, error) {
	o, err := at(path)
	if err != nil {
		return o, err
	}
	if _, err := os.Stat(path); err != nil {
		return o, nil // the compilation says it better
	}
	rev, ok, err := source.Describe(ctx, path)
	switch {
	case errors.Is(err, source.ErrUntrusted):
		return o, err
	case err != nil:
		c.o.Warn(fmt.Sprintf("the commit of %s is not known: %v", path, err))
	case ok:
		o.Commit, o.Dirty = rev.Commit, rev.Dirty == source.Dirty
		if rev.RefKind == source.Branch {
			o.Ref = rev.Ref
		}
		if rev.Dirty == source.Unknown {
			c.o.Warn(fmt.Sprintf("whether %s differs from commit %.12s could not be found in time", path, rev.Commit))
		}
	}
	if c.o.Signers != "" {
		if err := c.signed(ctx, path, rev); err != nil {
			return o, err
		}
	}
	return o, c.lockBeside(path)
}

// at is a manifest of which nothing is known but its path.
func at(path string) (Origin, error) {
	abs, err := filepath.Abs(path)
	return Origin{Name: path, Path: path, Source: abs}, err
}

// signed demands that a work tree is what its signed commit says.
func (c *Checkouts) signed(ctx context.Context, path string, rev source.Revision) error {
	if _, err := os.Stat(c.o.Signers); err != nil { // a mistake of who asks, whatever there is to be signed
		return fmt.Errorf("--require-signature: %w", err)
	}
	switch {
	case rev.Commit == "":
		return fmt.Errorf("--require-signature: %s is %w: it is of no commit; --git and git:: bring a signed revision", path, source.ErrUntrusted)
	case rev.Dirty != source.Clean:
		return fmt.Errorf("--require-signature: %s is %w: the work tree differs from commit %.12s", path, source.ErrUntrusted, rev.Commit)
	}
	_, err := c.revision(ctx, path, rev.Commit)
	return err
}

// Revision finds a manifest at path as a revision of the repository has it that path is in. The work tree stays as it is.
func (c *Checkouts) Revision(ctx context.Context, path, revision string) (Origin, error) {
	t, err := c.revision(ctx, path, revision)
	if err != nil {
		return Origin{}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Origin{}, err
	}
	return Origin{Name: path, Source: abs, Ref: t.Ref, Commit: t.Commit, Path: t.Path, Shown: shownIn(t, t.Path), Within: t.Dir}, c.lockBeside(t.Path)
}

// shownIn is how positions write a path of the root manifest's tree.
func shownIn(t *source.Tree, name string) string {
	if rel := within(t, name); rel != "" {
		return rel
	}
	return "."
}
