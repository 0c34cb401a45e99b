package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nodeapply/apply/source/internal/odb"
	"github.com/nodeapply/apply/source/internal/refs"
	"github.com/nodeapply/apply/source/internal/remote"
	"github.com/nodeapply/apply/source/internal/trust"
)

// contactTimeout bounds connecting to a remote and reading its references, so that time is left to go on without it.
const contactTimeout = 30 * time.Second

// Find resolves a reference at its remote and sees to it that the store has what it names. Pinned, if not empty, is the commit that a branch is
// taken at.
func (c *Cache) Find(ctx context.Context, ref, pinned string) (t refs.Target, warnings []string, err error) {
	if h, err := odb.ParseHash(ref); err == nil {
		if has, err := c.has(h); has || err != nil {
			return refs.OfCommit(h), nil, err // a whole commit name stands for itself: nothing to ask
		}
	}
	address, err := remote.Parse(c.url)
	if err != nil {
		return t, nil, fmt.Errorf("%s: %w", c.url, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(contactTimeout, func() { cancel(fmt.Errorf("timed out after %s", contactTimeout)) })
	r, err := remote.Open(ctx, address, os.Getenv)
	contacted := late.Stop()
	switch {
	case errors.Is(err, remote.ErrIdentity):
		return t, nil, trust.Errorf("%s: %w", c.url, err)
	case errors.Is(err, trust.Err):
		return t, nil, fmt.Errorf("%s: %w", c.url, err)
	case err != nil:
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return c.findOffline(ref, pinned, err)
	case !contacted:
		r.Close()
		return c.findOffline(ref, pinned, context.Cause(ctx))
	}
	defer r.Close()
	t, err = c.findOnline(ctx, r, ref, pinned)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return t, nil, fmt.Errorf("%s: %w", c.url, err)
	}
	return t, nil, nil
}

func (c *Cache) findOnline(ctx context.Context, r remote.Remote, ref, pinned string) (refs.Target, error) {
	t, found := refs.Pick(r.Refs(), ref)
	if !found {
		h, err := c.findCommit(ctx, r, ref)
		if err != nil {
			return t, err
		}
		t = refs.OfCommit(h)
	}
	if pinned != "" && t.Kind == refs.Branch { // branches move: the pin says where to
		h, err := odb.ParseHash(pinned)
		if err != nil {
			return t, err
		}
		t.Hash = h
	}
	has, err := c.has(t.Hash)
	if err == nil && !has {
		if err := c.Store.Consolidate(ctx); errors.Is(err, odb.ErrBroken) {
			return t, &BrokenError{err}
		} else if err != nil {
			return t, err
		}
		if err := r.Fetch(ctx, c.Store, t.Hash); err != nil {
			return t, fmt.Errorf("fetch: %w", err)
		}
		has, err = c.has(t.Hash)
	}
	if err != nil {
		return t, err
	}
	if !has {
		return t, fmt.Errorf("fetch: the repository has no object %x", t.Hash)
	}
	return t, c.remember(t, ref)
}

// findCommit takes ref for the name of a commit, whole or abbreviated.
func (c *Cache) findCommit(ctx context.Context, r remote.Remote, ref string) (h odb.Hash, err error) {
	if ref == "" {
		return h, errors.New("the repository has no default branch: name a ref")
	}
	if h, err := odb.ParseHash(ref); err == nil {
		return h, nil
	}
	var commits []odb.Hash
	if refs.IsHex(ref) {
		if commits, err = c.Store.Prefixed(ref); err != nil {
			return h, &BrokenError{err}
		}
		if len(commits) == 0 {
			commits, err = r.Commits(ctx, c.Store, ref)
		}
	}
	switch {
	case err != nil:
		return h, err
	case len(commits) > 1:
		return h, fmt.Errorf("ref %q: ambiguous: %d commits begin so", ref, len(commits))
	case len(commits) == 0:
		return h, refs.Unknown(ref, r.Refs())
	}
	return commits[0], nil
}

// findOffline answers from the store alone; cause is why the remote could not.
func (c *Cache) findOffline(ref, pinned string, cause error) (refs.Target, []string, error) {
	known, err := c.Store.Known()
	if err != nil {
		return refs.Target{}, nil, &BrokenError{err}
	}
	t, found := refs.Pick(known, ref)
	if pinned != "" && (!found || t.Kind == refs.Branch) {
		if h, err := odb.ParseHash(pinned); err == nil {
			kind := cmp.Or(t.Kind, refs.Commit)
			t, found = refs.OfCommit(h), true
			t.Kind = kind
		}
	}
	if !found && refs.IsHex(ref) {
		if commits, err := c.Store.Prefixed(ref); err == nil && len(commits) == 1 {
			t, found = refs.OfCommit(commits[0]), true
		}
	}
	has, err := c.has(t.Hash)
	if err != nil {
		return t, nil, err
	}
	if !found || !has {
		return t, nil, fmt.Errorf("%s: %w (and %q is not in the cache)", c.url, cause, cmp.Or(ref, "HEAD"))
	}
	warning := fmt.Sprintf("%s: %v: going on with %q as it was fetched before", c.url, cause, cmp.Or(ref, "HEAD"))
	return t, []string{warning}, nil
}

// remember notes what ref names now, and that it no longer names anything else.
func (c *Cache) remember(t refs.Target, ref string) error {
	known, err := c.Store.Known()
	if err != nil {
		return &BrokenError{err}
	}
	if known[t.Name] == t.Hash {
		return nil
	}
	delete(known, "refs/tags/"+ref)
	delete(known, "refs/heads/"+ref)
	known[t.Name] = t.Hash
	return c.Store.Remember(known)
}
