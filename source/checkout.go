package source

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nodeapply/apply/source/internal/cache"
	"github.com/nodeapply/apply/source/internal/gittree"
	"github.com/nodeapply/apply/source/internal/odb"
	"github.com/nodeapply/apply/source/internal/signature"
	"github.com/nodeapply/apply/source/internal/trust"
	"github.com/nodeapply/apply/source/lockfile"
)

// Limits bound a tree that is checked out: number of files, bytes of them together and of one.
type Limits = gittree.Limits

// defaultLimits hold where Options has none.
func defaultLimits() Limits { return Limits{Files: 100_000, Bytes: 1 << 30, FileBytes: 128 << 20} }

// defaultTimeout bounds a checkout whose context has no deadline.
const defaultTimeout = 10 * time.Minute

// maxTagChain bounds tags of tags.
const maxTagChain = 5

// Options of Checkout.
type Options struct {
	StateDir string        // the cache is in its folder git
	Parent   string        // an existing folder that others cannot write: the fresh folder is made in it
	Signers  string        // a file of allowed signers or a keyring: refuse what none of them signed; empty: do not ask
	Pin      *lockfile.Pin // from a Lock: a tag that stands elsewhere is ErrMoved, a branch is taken as it was then
	Limits   Limits        // zero: defaultLimits
}

func (o Options) limits() Limits {
	if o.Limits == (Limits{}) {
		return defaultLimits()
	}
	return o.Limits
}

// Checkout brings a git source to this node. Besides ErrUntrusted, ErrMoved and ErrLimit it returns ordinary errors: an unknown
// reference, a remote that cannot be reached and has not been before, a folder that is not in the tree, a full disk. No folder
// is left behind then.
func Checkout(ctx context.Context, src Source, o Options) (*Tree, error) {
	if !src.Git() {
		return nil, fmt.Errorf("source %q: not in git", src.Path)
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	signers, err := loadSigners(o.Signers)
	if err != nil {
		return nil, err
	}
	c, err := cache.Open(ctx, o.StateDir, src.URL)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	t, err := fetched(ctx, c, src, o, signers)
	broken, ok := errors.AsType[*cache.BrokenError](err)
	if !ok {
		return t, err
	}
	where, err := c.SetAside()
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if t, err = fetched(ctx, c, src, o, signers); err != nil {
		return nil, fmt.Errorf("%w (the cache was broken and was moved to %s: %w)", err, where, broken)
	}
	t.Warnings = append(t.Warnings, fmt.Sprintf("%s: the cache was broken, was moved to %s and fetched anew: %v", src.URL, where, broken))
	return t, nil
}

// withDeadline is ctx, which ends after defaultTimeout where it has no deadline of its own.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, defaultTimeout, fmt.Errorf("timed out after %s", defaultTimeout))
}

func loadSigners(file string) (*signature.Signers, error) {
	if file == "" {
		return nil, nil
	}
	return signature.Load(file)
}

// fetched checks out of the store of what was fetched.
func fetched(ctx context.Context, c *cache.Cache, src Source, o Options, signers *signature.Signers) (*Tree, error) {
	pinned := ""
	if o.Pin != nil {
		pinned = o.Pin.Commit
	}
	found, warnings, err := c.Find(ctx, src.Ref, pinned)
	if err != nil {
		return nil, err
	}
	t := &Tree{Revision: Revision{Ref: src.Ref, RefKind: found.Kind, Dirty: Clean}, Warnings: warnings}
	err = t.write(ctx, c.Store, writing{found.Hash, found.Tag(), src, signers, o})
	if errors.Is(err, odb.ErrBroken) || errors.Is(err, odb.ErrNotFound) {
		return nil, cache.Broken(err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src, err)
	}
	return t, nil
}

// writing is what to check out of a store, and how.
type writing struct {
	hash    odb.Hash // of a commit or a tag
	tag     string   // the name by which the tag was found; empty: not by a tag
	source  Source
	signers *signature.Signers
	Options
}

func (t *Tree) write(ctx context.Context, store *odb.Store, w writing) error {
	h, err := t.verify(store, w)
	if err != nil {
		return err
	}
	commit, err := store.Commit(h)
	if err != nil {
		return err
	}
	t.Commit, t.TreeHash = hex.EncodeToString(h[:]), hex.EncodeToString(commit.Tree[:])
	if err := checkPin(w.Pin, w.source, t.Revision); err != nil {
		return err
	}
	files, err := gittree.Load(ctx, store, commit.Tree, w.limits())
	if err != nil {
		return err
	}
	for _, s := range files.Submodules {
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s: a submodule: left empty", s))
	}
	parent, err := filepath.Abs(w.Parent)
	if err != nil {
		return err
	}
	if t.Dir, err = os.MkdirTemp(parent, "source-*"); err != nil { // mode 0700
		return err
	}
	err = files.Write(ctx, t.Dir)
	if n, few := len(files.Pointers), 3; n > 0 {
		names := strings.Join(files.Pointers[:min(n, few)], ", ")
		if n > few {
			names += fmt.Sprintf(" and %d more", n-few)
		}
		t.Warnings = append(t.Warnings, names+": git LFS has the content, which is not fetched: only a pointer is here")
	}
	if err == nil {
		t.Path, err = t.Inside(w.source.Folder)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(t.Dir))
	}
	return nil
}

// verify follows tags to the commit and, where signers are given, demands the signature of the tag, or of a commit that was
// not found by an annotated tag.
func (t *Tree) verify(store *odb.Store, w writing) (commit odb.Hash, err error) {
	h, claimed := w.hash, ""
	for range maxTagChain {
		kind, err := store.Kind(h)
		switch {
		case err != nil:
			return h, err
		case claimed != "" && claimed != kind:
			return h, trust.Errorf("tag %q: says that it points to a %s, %x is a %s", w.tag, claimed, h, kind)
		case kind == "commit" && claimed == "":
			return h, t.verifyCommit(store, w, h)
		case kind == "commit":
			return h, nil
		case kind != "tag":
			return h, fmt.Errorf("%x is a %s, not a commit", h, kind)
		}
		tag, err := store.Tag(h)
		if err != nil {
			return h, err
		}
		if err := t.verifyTag(w, tag); err != nil {
			return h, err
		}
		h, claimed = tag.Target, tag.Kind
	}
	return h, fmt.Errorf("a chain of more than %d tags", maxTagChain)
}

func (t *Tree) verifyTag(w writing, tag odb.Tag) error {
	switch {
	case w.signers == nil:
		return nil
	case tag.Name != w.tag:
		return trust.Errorf("tag %q: is the tag %q under another name", w.tag, tag.Name)
	case tag.Kind != "commit":
		return trust.Errorf("tag %q: points to a %s, not to a commit", w.tag, tag.Kind)
	}
	signer, err := w.signers.Tag(tag.Raw, time.Now())
	if err != nil {
		return fmt.Errorf("tag %q: %w", w.tag, err)
	}
	t.SignedBy = signer
	return nil
}

func (t *Tree) verifyCommit(store *odb.Store, w writing, h odb.Hash) error {
	if w.signers == nil {
		return nil
	}
	commit, err := store.Commit(h)
	if err != nil {
		return err
	}
	if t.SignedBy, err = w.signers.Commit(commit.Raw, time.Now()); err != nil {
		return fmt.Errorf("commit %.12x: %w", h, err)
	}
	return nil
}

// checkPin compares what was found with the pin, where there is one.
func checkPin(p *lockfile.Pin, src Source, found Revision) error {
	if p == nil || p.Commit == found.Commit && p.Tree == found.TreeHash {
		return nil
	}
	what, pinned, now := "commit", p.Commit, found.Commit
	if pinned == now {
		what, pinned, now = "tree", p.Tree, found.TreeHash
	}
	return trust.Errorf("%s: %s %q %w: %s pinned %s %s, it is now %s (apply lock pins anew)", src.URL, found.RefKind, src.Ref, ErrMoved,
		lockfile.Name, what, pinned, now)
}
