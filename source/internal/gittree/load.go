package gittree

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/nodeapply/apply/source/internal/trust"
)

// ErrLimit is in the chain of errors about a tree that is larger than its Limits.
var ErrLimit = errors.New("limit")

// Limits bound what one tree may hold.
type Limits struct {
	Files     int   // entries of every kind
	Bytes     int64 // of all files together
	FileBytes int64 // of one file
}

const (
	maxDepth    = 100     // folders below one another
	maxTreeSize = 8 << 20 // bytes of one tree object
	maxLinkSize = 4095    // bytes of one link's target, PATH_MAX without its NUL
	maxHops     = 40      // links followed for one name, as Linux does
)

// Objects is where the tree's objects are read from. Read must verify that the content has the name it was asked for by.
type Objects interface {
	// Size is the length in bytes of an object's content.
	Size(h Hash) (int64, error)
	// Read returns the content of an object of this kind ("tree", "blob").
	Read(h Hash, kind string) ([]byte, error)
}

// Tree is a tree that was read and checked, and is not yet on any disk.
type Tree struct {
	Entries    []Entry  // folders before what is in them
	Submodules []string // folders that stay empty
	Pointers   []string // files that stand for others, which git LFS keeps elsewhere: known when they are written
	objects    Objects
	byName     map[string]Entry
	targets    map[string]string // of links
}

// Load reads the tree named root and all below it, except the content of its files. It returns a trust.Err for an entry
// that would be dangerous to write and an ErrLimit for a tree beyond its limits.
func Load(ctx context.Context, objects Objects, root Hash, limits Limits) (*Tree, error) {
	entries, err := List(ctx, objects, root, limits.Files)
	if err != nil {
		return nil, err
	}
	t := &Tree{Entries: entries, objects: objects, byName: map[string]Entry{}, targets: map[string]string{}}
	var total int64
	for _, e := range entries {
		t.byName[e.Name] = e
		switch e.Mode {
		case Folder:
		case Submodule:
			t.Submodules = append(t.Submodules, e.Name)
		case Link:
			target, err := read(objects, e.Hash, "blob", e.Name, maxLinkSize)
			if err != nil {
				return nil, err
			}
			t.targets[e.Name] = string(target)
		default:
			size, err := objects.Size(e.Hash)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
			if size > limits.FileBytes {
				return nil, fmt.Errorf("%s: %w of %d bytes in a file", e.Name, ErrLimit, limits.FileBytes)
			}
			if total += size; total > limits.Bytes {
				return nil, fmt.Errorf("%s: %w of %d bytes in a tree", e.Name, ErrLimit, limits.Bytes)
			}
		}
	}
	for name := range t.targets {
		if _, err := t.resolve(name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// List returns what the tree named root and the trees below it hold, with whole paths, folders before what is in them.
func List(ctx context.Context, objects Objects, root Hash, limit int) ([]Entry, error) {
	l := lister{objects: objects, limit: limit}
	err := l.folder(ctx, root, "", 0)
	return l.entries, err
}

type lister struct {
	objects Objects
	limit   int
	entries []Entry
}

func (l *lister) folder(ctx context.Context, h Hash, dir string, depth int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if depth > maxDepth {
		return fmt.Errorf("%s: %w of %d folders below one another", dir, ErrLimit, maxDepth)
	}
	raw, err := read(l.objects, h, "tree", dir+"/", maxTreeSize)
	if err != nil {
		return err
	}
	entries, err := Parse(raw)
	if err != nil {
		return fmt.Errorf("tree %s: %w", hex.EncodeToString(h[:]), err)
	}
	for _, e := range entries {
		e.Name = path.Join(dir, e.Name)
		if len(l.entries) >= l.limit {
			return fmt.Errorf("%s: %w of %d files in a tree", e.Name, ErrLimit, l.limit)
		}
		l.entries = append(l.entries, e)
		if e.Mode == Folder {
			if err := l.folder(ctx, e.Hash, e.Name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func read(objects Objects, h Hash, kind, name string, limit int64) ([]byte, error) {
	size, err := objects.Size(h)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if size > limit {
		return nil, fmt.Errorf("%s: %w of %d bytes", name, ErrLimit, limit)
	}
	raw, err := objects.Read(h, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return raw, nil
}

// resolve follows links, inside the tree, as the kernel would and returns the name reached, "." for the root. A name that is
// not in the tree is returned as far as it is plain; one that leads out of the tree is a trust.Err.
func (t *Tree) resolve(name string) (string, error) {
	todo := strings.Split(name, "/")
	var at []string // resolved components, none of them a link
	for hops := 0; len(todo) > 0; {
		c := todo[0]
		todo = todo[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			if len(at) == 0 {
				return "", trust.Errorf("%s: a link that leads out of the repository", name)
			}
			at = at[:len(at)-1]
			continue
		}
		here := strings.Join(append(at, c), "/")
		target, isLink := t.targets[here]
		if !isLink {
			at = append(at, c)
			continue
		}
		if hops++; hops > maxHops {
			return "", trust.Errorf("%s: links that lead to one another", name)
		}
		if target == "" || strings.HasPrefix(target, "/") || strings.ContainsRune(target, 0) {
			return "", trust.Errorf("%s: a link that leads out of the repository, to %q", name, target)
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	if len(at) == 0 {
		return ".", nil
	}
	return strings.Join(at, "/"), nil
}
