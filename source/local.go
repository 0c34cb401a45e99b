package source

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/nodeapply/apply/source/internal/odb"
	"github.com/nodeapply/apply/source/internal/refs"
	"github.com/nodeapply/apply/source/internal/worktree"
)

// dirtTimeout bounds the comparison of a work tree with its commit: it is done at every run.
const dirtTimeout = 2 * time.Second

// Describe says of which revision a manifest on this node is: path is a file or a folder. ok is false where it is in no
// repository. A repository that belongs to another user is ErrUntrusted, and nothing of it was read.
func Describe(ctx context.Context, path string) (r Revision, ok bool, err error) {
	repository, ok, err := worktree.Find(path, worktree.User(os.Getenv))
	if err != nil || !ok {
		return r, false, err
	}
	commit, branch, err := repository.Head()
	if err != nil {
		return r, false, err
	}
	r = Revision{Ref: branch, RefKind: Branch, Dirty: Unknown}
	if branch == "" {
		r.RefKind = Commit
	}
	if commit != (odb.Hash{}) {
		r.Commit = hex.EncodeToString(commit[:])
	}
	focus, err := worktree.Real(path)
	if err != nil {
		return r, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, dirtTimeout)
	defer cancel()
	// An index that cannot be read, or not in time, does not stand in the way of a run.
	if dirty, err := repository.Dirty(ctx, commit, focus); err == nil && dirty {
		r.Dirty = Dirty
	} else if err == nil {
		r.Dirty = Clean
	}
	return r, true, nil
}

// Local is the history of a repository on this node. Close it.
type Local struct {
	repository worktree.Repository
	store      *odb.Store
	inside     string // what OpenLocal was given, relative to the work tree
}

// OpenLocal opens the repository that path, a file or a folder, is in. The errors are those of Describe; a path in no repository
// is an ordinary one.
func OpenLocal(path string) (*Local, error) {
	repository, found, err := worktree.Find(path, worktree.User(os.Getenv))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%s: not in a git repository", path)
	}
	real, err := worktree.Real(path)
	if err != nil {
		return nil, err
	}
	inside, err := filepath.Rel(repository.Worktree, real)
	if err != nil {
		return nil, err
	}
	store, err := odb.Open(repository.CommonDir)
	if err != nil {
		return nil, err
	}
	return &Local{repository, store, filepath.ToSlash(inside)}, nil
}

// Close ends reading.
func (l *Local) Close() error { return l.store.Close() }

// Checkout writes a revision into a fresh folder: a tag, a branch (also of a remote: origin/main), a commit, HEAD or @, any of
// them followed by ~N and ^N. Tree.Path is the path that OpenLocal was given, in that revision. Options.StateDir is not used.
func (l *Local) Checkout(ctx context.Context, revision string, o Options) (*Tree, error) {
	signers, err := loadSigners(o.Signers)
	if err != nil {
		return nil, err
	}
	found, err := l.resolve(revision)
	if err != nil {
		return nil, err
	}
	t := &Tree{Revision: Revision{Ref: revision, RefKind: found.Kind, Dirty: Clean}}
	src := Source{URL: l.repository.Worktree, Ref: revision, Folder: l.inside}
	if err := t.write(ctx, l.store, writing{found.Hash, found.Tag(), src, signers, o}); err != nil {
		return nil, fmt.Errorf("%s: %w", revision, err)
	}
	return t, nil
}

var (
	revisionForm = regexp.MustCompile(`^(.*?)((?:[~^][0-9]*)*)$`)
	revisionStep = regexp.MustCompile(`[~^][0-9]*`)
)

// resolve reads a revision: a base and steps to its ancestors.
func (l *Local) resolve(revision string) (refs.Target, error) {
	parts := revisionForm.FindStringSubmatch(revision)
	t, err := l.base(parts[1])
	if err != nil || parts[2] == "" {
		return t, err
	}
	h, err := l.peel(t.Hash)
	if err != nil {
		return t, fmt.Errorf("%s: %w", revision, err)
	}
	for _, step := range revisionStep.FindAllString(parts[2], -1) {
		n := 1
		if len(step) > 1 {
			if n, err = strconv.Atoi(step[1:]); err != nil {
				return t, fmt.Errorf("%s: not a revision", revision)
			}
		}
		if h, err = l.ancestor(h, step[0], n); err != nil {
			return t, fmt.Errorf("%s: %w", revision, err)
		}
	}
	return refs.OfCommit(h), nil
}

// base finds HEAD, a tag, a branch, a remote's branch or a commit, in that order.
func (l *Local) base(name string) (refs.Target, error) {
	known, err := l.store.Refs()
	if err != nil {
		return refs.Target{}, err
	}
	if name == "HEAD" || name == "@" || name == "" {
		h, _, err := l.repository.Head()
		if err == nil && h == (odb.Hash{}) {
			err = fmt.Errorf("%s: no commit yet", l.repository.Worktree)
		}
		return refs.OfCommit(h), err
	}
	if err := refs.Check(name); err != nil {
		return refs.Target{}, err
	}
	if t, found := refs.Pick(known, name); found {
		return t, nil
	}
	if h, found := known["refs/remotes/"+name]; found {
		return refs.Target{Name: "refs/remotes/" + name, Kind: Branch, Hash: h}, nil
	}
	var commits []odb.Hash
	if refs.IsHex(name) {
		if commits, err = l.store.Prefixed(name); err != nil {
			return refs.Target{}, err
		}
	}
	switch len(commits) {
	case 0:
		return refs.Target{}, refs.Unknown(name, known)
	case 1:
		return refs.OfCommit(commits[0]), nil
	}
	return refs.Target{}, fmt.Errorf("ref %q: ambiguous: %d commits begin so", name, len(commits))
}

func (l *Local) peel(h odb.Hash) (odb.Hash, error) {
	for range maxTagChain {
		kind, err := l.store.Kind(h)
		if err != nil || kind != "tag" {
			return h, err
		}
		tag, err := l.store.Tag(h)
		if err != nil {
			return h, err
		}
		h = tag.Target
	}
	return h, fmt.Errorf("a chain of more than %d tags", maxTagChain)
}

// ancestor is the nth commit before h by first parents ('~'), or its nth parent ('^'; ^0 is h itself).
func (l *Local) ancestor(h odb.Hash, step byte, n int) (odb.Hash, error) {
	parent := 1
	if step == '^' {
		parent, n = n, min(n, 1)
	}
	for range n {
		c, err := l.store.Commit(h)
		if err != nil {
			return h, err
		}
		if len(c.Parents) < parent {
			return h, fmt.Errorf("commit %.12x has %d parents", h, len(c.Parents))
		}
		h = c.Parents[parent-1]
	}
	return h, nil
}
