package odb

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

const (
	manyPacks = 32      // small ones; looking an object up costs time for each
	smallPack = 8 << 20 // bytes
)

// Consolidate makes one pack of the small ones, once there are many: every fetch adds one, mostly of what was there before.
// The objects of both are there all the time.
func (s *Store) Consolidate(ctx context.Context) error {
	packs := filepath.Join(s.dir, "objects", "pack")
	names, err := fs.Glob(os.DirFS(packs), "pack-*.pack")
	if err != nil {
		return err
	}
	var small []string
	for _, name := range names {
		name = filepath.Join(packs, name)
		if info, err := os.Stat(name); err == nil && info.Size() < smallPack {
			small = append(small, name)
		}
	}
	if len(small) < manyPacks {
		return nil
	}
	all := copier{src: s, kinds: map[Hash]string{}}
	for _, name := range small {
		if err := all.addPack(strings.TrimSuffix(name, ".pack") + ".idx"); err != nil {
			return err
		}
	}
	into, err := s.ingest(ctx, all.writePack)
	if err != nil {
		return err
	}
	for _, name := range small {
		if name == into {
			continue
		}
		// The pack goes first: an index alone is nothing, a pack alone an error.
		for _, file := range []string{name, strings.TrimSuffix(name, ".pack") + ".idx"} {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	s.reopen()
	return nil
}

// addPack adds the objects that an index lists.
func (c *copier) addPack(index string) error {
	f, err := os.Open(index)
	if err != nil {
		return err
	}
	defer f.Close()
	idx := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(f).Decode(idx); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, &fs.PathError{Op: "read", Path: index, Err: err})
	}
	entries, err := idx.Entries()
	if err != nil {
		return err
	}
	defer entries.Close()
	for {
		e, err := entries.Next()
		if err != nil {
			return nil // io.EOF, the only one that an index in memory gives
		}
		if h := Hash(e.Hash); c.kinds[h] == "" {
			if c.kinds[h], err = c.src.Kind(h); err != nil {
				return err
			}
			c.order = append(c.order, h)
		}
	}
}
