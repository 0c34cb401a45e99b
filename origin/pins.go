package origin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/modules"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
)

// pins are a lock and the file that it is from.
type pins struct {
	file string
	lock lockfile.Lock
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
	lock, err := lockfile.Parse(file, text)
	return pins{file, lock}, true, err
}

// lockBeside reads the lock beside a root manifest; it counts before others.
func (c *Checkouts) lockBeside(path string) error {
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
	return filepath.Join(path, lockfile.Name)
}

// pinned finds the pin of a source; nil if there is none and none is needed.
func (c *Checkouts) pinned(src source.Source) (*lockfile.Pin, error) {
	if c.o.Pinning {
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

// Pinned is the pin of a source, and what there was before.
type Pinned struct {
	Key string // of a lockfile.Lock
	Pin lockfile.Pin
	Was *lockfile.Pin // nil: none
}

// Lock is what is to be in a lock file.
type Lock struct {
	File string
	Pins lockfile.Lock // all that it holds
	Now  []Pinned      // those of this manifest, sorted
	Was  lockfile.Lock // what it holds as yet
}

// Lock finds a manifest and all of its modules, and pins those from git. It wants Options.Pinning. The lock of a manifest that is from git itself is in
// the state folder: it keeps the pins of other manifests, and leaves out what the manifest's own repository pins. Mistakes are a diag.List.
func (c *Checkouts) Lock(ctx context.Context, src source.Source, types []resources.Type) (*Lock, error) {
	o, err := c.Find(ctx, src)
	if err != nil {
		return nil, err
	}
	builtin := &modules.Finder{Next: c.Module}
	diags := manifest.Link(ctx, o.Path, manifest.Options{Types: types, Modules: builtin.Find, Shown: o.Shown, Within: o.Within})
	switch err := builtin.Close(); {
	case err != nil:
		return nil, err
	case c.refused != nil:
		return nil, c.refused
	case diags.HasErrors():
		return nil, diags
	}
	file := lockFile(o.Path)
	if src.Git() {
		state, err := c.o.State()
		if err != nil {
			return nil, err
		}
		file = filepath.Join(state, lockfile.Name)
	}
	old, _, err := readPins(file)
	if err != nil {
		return nil, err
	}
	l := &Lock{File: file, Pins: lockfile.Lock{}, Was: old.lock}
	var theirs lockfile.Lock // pinned in the manifest's own repository
	if src.Git() {
		maps.Copy(l.Pins, old.lock)
		if c.locked {
			theirs = c.pins[0].lock
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.trees)) {
		if _, has := theirs[key]; !has && isSource(key) {
			l.pin(key, c.trees[key])
		}
	}
	return l, nil
}

func (l *Lock) pin(key string, t *source.Tree) {
	p := Pinned{Key: key, Pin: lockfile.Pin{Commit: t.Commit, Tree: t.TreeHash}}
	if was, had := l.Was[key]; had {
		p.Was = &was
	}
	l.Pins[key], l.Now = p.Pin, append(l.Now, p)
}

// isSource tells the keys of sources from those of revisions of a work tree.
func isSource(key string) bool {
	src, err := source.Parse(key)
	return err == nil && src.Git()
}
