package source

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/source/internal/odb"
	"github.com/nodeapply/apply/source/internal/remote"
	"github.com/nodeapply/apply/source/internal/trust"
)

// contactTimeout bounds connecting to a remote and reading its references, so that time is left to go on without it.
const contactTimeout = 30 * time.Second

// target is what a reference names: an annotated tag or a commit.
type target struct {
	name string // "refs/tags/v1", "refs/heads/main", "commits/3f9c..."
	kind Kind
	hash odb.Hash
}

// pick seeks ref among references: a tag first, then a branch. The empty ref is the default branch.
func pick(refs map[string]odb.Hash, ref string) (target, bool) {
	if ref == "" {
		h, found := refs["HEAD"]
		return target{"HEAD", Branch, h}, found
	}
	for _, t := range []target{{name: "refs/tags/" + ref, kind: Tag}, {name: "refs/heads/" + ref, kind: Branch}} {
		if h, found := refs[t.name]; found {
			t.hash = h
			return t, true
		}
	}
	return target{}, false
}

func commitTarget(h odb.Hash) target { return target{"commits/" + hex.EncodeToString(h[:]), Commit, h} }

// find resolves the source's reference at its remote and sees to it that the store has what it names.
func (c *cache) find(ctx context.Context, src Source, pin *Pin) (t target, warnings []string, err error) {
	if h, err := odb.ParseHash(src.Ref); err == nil {
		if has, err := c.has(h); has || err != nil {
			return commitTarget(h), nil, err // a whole commit name stands for itself: nothing to ask
		}
	}
	address, err := remote.Parse(src.URL)
	if err != nil {
		return t, nil, fmt.Errorf("%s: %w", src.URL, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(contactTimeout, func() { cancel(fmt.Errorf("timed out after %s", contactTimeout)) })
	r, err := remote.Open(ctx, address, os.Getenv)
	contacted := late.Stop()
	switch {
	case errors.Is(err, remote.ErrIdentity):
		return t, nil, trust.Errorf("%s: %w", src.URL, err)
	case errors.Is(err, trust.Err):
		return t, nil, fmt.Errorf("%s: %w", src.URL, err)
	case err != nil:
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return c.findOffline(src, pin, err)
	case !contacted:
		r.Close()
		return c.findOffline(src, pin, context.Cause(ctx))
	}
	defer r.Close()
	t, err = c.findOnline(ctx, r, src, pin)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return t, nil, fmt.Errorf("%s: %w", src.URL, err)
	}
	return t, nil, nil
}

func (c *cache) findOnline(ctx context.Context, r remote.Remote, src Source, pin *Pin) (target, error) {
	t, found := pick(r.Refs(), src.Ref)
	if !found {
		h, err := c.findCommit(ctx, r, src.Ref)
		if err != nil {
			return t, err
		}
		t = commitTarget(h)
	}
	if pin != nil && t.kind == Branch { // branches move: the pin says where to
		h, err := odb.ParseHash(pin.Commit)
		if err != nil {
			return t, err
		}
		t.hash = h
	}
	has, err := c.has(t.hash)
	if err == nil && !has {
		if err := c.store.Consolidate(ctx); errors.Is(err, odb.ErrBroken) {
			return t, brokenCache{err}
		} else if err != nil {
			return t, err
		}
		if err := r.Fetch(ctx, c.store, t.hash); err != nil {
			return t, fmt.Errorf("fetch: %w", err)
		}
		has, err = c.has(t.hash)
	}
	if err != nil {
		return t, err
	}
	if !has {
		return t, fmt.Errorf("fetch: the repository has no object %x", t.hash)
	}
	return t, c.remember(t, src.Ref)
}

// findCommit takes ref for the name of a commit, whole or abbreviated.
func (c *cache) findCommit(ctx context.Context, r remote.Remote, ref string) (h odb.Hash, err error) {
	if ref == "" {
		return h, errors.New("the repository has no default branch: name a ref")
	}
	if h, err := odb.ParseHash(ref); err == nil {
		return h, nil
	}
	var commits []odb.Hash
	if isHex(ref) {
		if commits, err = c.store.Prefixed(ref); err != nil {
			return h, brokenCache{err}
		}
		if len(commits) == 0 {
			commits, err = r.Commits(ctx, c.store, ref)
		}
	}
	switch {
	case err != nil:
		return h, err
	case len(commits) > 1:
		return h, fmt.Errorf("ref %q: ambiguous: %d commits begin so", ref, len(commits))
	case len(commits) == 0:
		return h, unknownRef(ref, r.Refs())
	}
	return commits[0], nil
}

func isHex(ref string) bool {
	return len(ref) >= 4 && len(ref) <= 40 && strings.Trim(strings.ToLower(ref), "0123456789abcdef") == ""
}

// findOffline answers from the store alone; cause is why the remote could not.
func (c *cache) findOffline(src Source, pin *Pin, cause error) (target, []string, error) {
	known, err := c.store.Known()
	if err != nil {
		return target{}, nil, brokenCache{err}
	}
	t, found := pick(known, src.Ref)
	if pin != nil && (!found || t.kind == Branch) {
		if h, err := odb.ParseHash(pin.Commit); err == nil {
			kind := cmp.Or(t.kind, Commit)
			t, found = commitTarget(h), true
			t.kind = kind
		}
	}
	if !found && isHex(src.Ref) {
		if commits, err := c.store.Prefixed(src.Ref); err == nil && len(commits) == 1 {
			t, found = commitTarget(commits[0]), true
		}
	}
	has, err := c.has(t.hash)
	if err != nil {
		return t, nil, err
	}
	if !found || !has {
		return t, nil, fmt.Errorf("%s: %w (and %q is not in the cache)", src.URL, cause, cmp.Or(src.Ref, "HEAD"))
	}
	warning := fmt.Sprintf("%s: %v: going on with %q as it was fetched before", src.URL, cause, cmp.Or(src.Ref, "HEAD"))
	return t, []string{warning}, nil
}

// remember notes what ref names now, and that it no longer names anything else.
func (c *cache) remember(t target, ref string) error {
	known, err := c.store.Known()
	if err != nil {
		return brokenCache{err}
	}
	if known[t.name] == t.hash {
		return nil
	}
	delete(known, "refs/tags/"+ref)
	delete(known, "refs/heads/"+ref)
	known[t.name] = t.hash
	return c.store.Remember(known)
}

// unknownRef says which names are near.
func unknownRef(ref string, refs map[string]odb.Hash) error {
	type near struct {
		name     string
		distance int
	}
	var names []near
	for full := range refs {
		name := strings.TrimPrefix(strings.TrimPrefix(full, "refs/tags/"), "refs/heads/")
		if d := distance(ref, name); name != full && d <= max(2, len(ref)/3) {
			names = append(names, near{name, d})
		}
	}
	slices.SortFunc(names, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	if len(names) == 0 {
		return fmt.Errorf("ref %q: neither a tag nor a branch nor a commit", ref)
	}
	var quoted []string
	for _, n := range names[:min(len(names), 3)] {
		quoted = append(quoted, fmt.Sprintf("%q", n.name))
	}
	return fmt.Errorf("ref %q: neither a tag nor a branch nor a commit; did you mean %s?", ref, strings.Join(quoted, ", "))
}

// distance counts the letters to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
