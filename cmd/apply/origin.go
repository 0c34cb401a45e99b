package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/source"
)

// origin says where a manifest is from, and where it is read.
type origin struct {
	name   string // as it was given, for reports
	source string // the same for all revisions: an absolute path, or git::URL//folder
	ref    string // as it was asked for
	commit string
	dirty  bool

	path   string // the file or folder to read
	shown  string // how positions write it
	within string // the folder that its modules cannot leave
}

// loaded is a manifest that was compiled for this node.
type loaded struct {
	*apply.Manifest
	host *host.Local
	origin
	checkouts *checkouts
	sent      string // file that says where it is from, if it was sent here
}

// source reads what the arguments and --git say of the manifest.
func (a *app) source(cmd *cobra.Command, args []string) (source.Source, error) {
	f := &a.flags
	if f.git == "" {
		if err := onePath(cmd, args); err != nil {
			return source.Source{}, err
		}
		src, err := source.Parse(args[0])
		switch {
		case err != nil || f.ref == "":
			return src, err
		case !src.Git() || src.Ref != "":
			return src, usageError(cmd, errors.New("--ref is the revision of --git URL; in a PATH from git it is written ?ref=TAG"))
		}
		return source.New(src.URL, f.ref, src.Folder)
	}
	if len(args) > 1 {
		return source.Source{}, onePath(cmd, args)
	}
	url, err := repositoryURL(f.git)
	if err != nil {
		return source.Source{}, err
	}
	folder := ""
	if len(args) == 1 {
		folder = args[0]
	}
	if strings.HasPrefix(folder, "git::") {
		return source.Source{}, usageError(cmd, errors.New("--git names a repository already: PATH is a file or folder inside it"))
	}
	return source.New(url, f.ref, folder)
}

// repositoryURL reads --git: a URL, or the folder of a repository beside the current one.
func repositoryURL(url string) (string, error) {
	if strings.HasPrefix(url, ".") {
		return filepath.Abs(url)
	}
	return strings.TrimPrefix(url, "git::"), nil
}

// load compiles a manifest with what the flags and the environment give.
func (a *app) load(ctx context.Context, src source.Source) (*loaded, error) {
	l := a.loading()
	var err error
	if src.Git() {
		err = l.fetch(ctx, src)
	} else {
		err = l.local(ctx, src.Path)
	}
	if err != nil {
		return nil, err
	}
	return l, a.compile(ctx, l)
}

// loading prepares the checkouts of a command.
func (a *app) loading() *loaded {
	l := &loaded{sent: a.flags.sent}
	l.checkouts = &checkouts{
		signers: a.flags.signers,
		state: func() (string, error) {
			state, err := a.openState()
			if err != nil {
				return "", err
			}
			return state.Dir(), nil
		},
		warn: func(text string) { a.note(text) },
	}
	a.atEnd = append(a.atEnd, l.checkouts.end)
	return l
}

// compile compiles what was located.
func (a *app) compile(ctx context.Context, l *loaded) error {
	vars, err := a.variables()
	if err != nil {
		return err
	}
	if l.host, err = a.node(); err != nil {
		return err
	}
	known, err := a.facts(l.host)
	if err != nil {
		return err
	}
	part, err := a.session(known)
	if err != nil {
		return err
	}
	l.Manifest, err = apply.Load(ctx, l.path, apply.Options{
		Host: l.host, Session: part, Vars: vars, Facts: known, Scrub: &a.flags.scrub, Modules: l.checkouts.module, Shown: l.shown, Within: l.within,
	})
	a.note(known.Warnings()...)
	if err != nil {
		return errors.Join(err, l.checkouts.refused)
	}
	l.Path = l.name
	if len(l.Warnings) > 0 && !a.flags.json {
		a.printDiagnostics(l.Warnings)
	}
	return nil
}

// fetch brings a manifest from git. Pins of the tree itself are beside the manifest in it, the pin of the tree is in the state folder.
func (l *loaded) fetch(ctx context.Context, src source.Source) error {
	c := l.checkouts
	state, err := c.state()
	if err != nil {
		return err
	}
	own, _, err := readPins(filepath.Join(state, source.LockFile))
	if err != nil {
		return err
	}
	c.pins = []pins{own}
	pin, err := c.pinned(src)
	if err != nil {
		return err
	}
	t, err := c.tree(ctx, src, c.signers, pin)
	if err != nil {
		return err
	}
	l.checkedOut(src.String(), t)
	l.source, l.ref = source.Source{URL: src.URL, Folder: src.Folder}.String(), src.Ref
	if l.path, err = t.Inside(src.Folder); err != nil {
		return err
	}
	l.shown = shownIn(t, l.path)
	return c.lockBeside(l.path)
}

// checkedOutLocally takes a revision of a work tree in the place of its files.
func (l *loaded) checkedOutLocally(path string, t *source.Tree) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	l.checkedOut(path, t)
	l.source, l.ref = abs, t.Ref
	l.path, l.shown = t.Path, shownIn(t, t.Path)
	return l.checkouts.lockBeside(l.path)
}

func (l *loaded) checkedOut(name string, t *source.Tree) {
	l.name, l.commit, l.within = name, t.Commit, t.Dir
}

// shownIn is how positions write a path of the root manifest's tree.
func shownIn(t *source.Tree, name string) string {
	if rel := within(t, name); rel != "" {
		return rel
	}
	return "."
}

// lockBeside reads the lock beside a root manifest; it counts before others.
func (c *checkouts) lockBeside(path string) error {
	p, ok, err := readPins(lockFile(path))
	if err == nil && ok {
		c.pins, c.locked = append([]pins{p}, c.pins...), true
	}
	return err
}

// lockFile is the name of the lock of the manifest at path.
func lockFile(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	return filepath.Join(path, source.LockFile)
}

// local takes a manifest where it is. Of a work tree the commit is told; what belongs to a repository of another user is refused.
func (l *loaded) local(ctx context.Context, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	l.name, l.path, l.source = path, path, abs
	if _, err := os.Stat(path); err != nil {
		return nil // the compilation says it better
	}
	if l.sent != "" {
		return l.sentFrom(l.sent)
	}
	rev, ok, err := source.Describe(ctx, path)
	switch {
	case errors.Is(err, source.ErrUntrusted):
		return err
	case err != nil:
		l.checkouts.warn(fmt.Sprintf("the commit of %s is not known: %v", path, err))
	case ok:
		l.commit, l.dirty = rev.Commit, rev.Dirty == source.Dirty
		if rev.RefKind == source.Branch {
			l.ref = rev.Ref
		}
		if rev.Dirty == source.Unknown {
			l.checkouts.warn(fmt.Sprintf("whether %s differs from commit %.12s could not be found in time", path, rev.Commit))
		}
	}
	if l.checkouts.signers != "" {
		if err := l.signed(ctx, rev); err != nil {
			return err
		}
	}
	return l.checkouts.lockBeside(path)
}

// signed demands that a work tree is what its signed commit says.
func (l *loaded) signed(ctx context.Context, rev source.Revision) error {
	switch {
	case rev.Commit == "":
		return fmt.Errorf("--require-signature: %s is %w: it is of no commit; --git and git:: bring a signed revision", l.name, source.ErrUntrusted)
	case rev.Dirty != source.Clean:
		return fmt.Errorf("--require-signature: %s is %w: the work tree differs from commit %.12s", l.name, source.ErrUntrusted, rev.Commit)
	}
	_, err := l.checkouts.revision(ctx, l.path, rev.Commit)
	return err
}

// revision checks out a revision of the repository that path is in.
func (c *checkouts) revision(ctx context.Context, path, revision string) (*source.Tree, error) {
	repository, err := source.OpenLocal(path)
	if err != nil {
		return nil, err
	}
	defer repository.Close()
	dir, err := c.parent()
	if err != nil {
		return nil, err
	}
	t, err := repository.Checkout(ctx, revision, source.Options{Parent: dir, Signers: c.signers})
	if err != nil {
		return nil, c.note(err)
	}
	c.keep(path+"@"+revision, t)
	return t, nil
}
