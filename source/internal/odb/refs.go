package odb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/nodeapply/apply/source/internal/pack"
)

const knownFile = "known-refs"

// Refs returns the references of a repository by their full names ("refs/tags/v1"), symbolic ones followed, and HEAD where
// it is born.
func (s *Store) Refs() (map[string]Hash, error) {
	refs := map[string]Hash{}
	iter, err := s.s.IterReferences()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.dir, err)
	}
	defer iter.Close()
	err = iter.ForEach(func(r *plumbing.Reference) error {
		for hops := 0; r.Type() == plumbing.SymbolicReference && hops < 5; hops++ {
			next, err := s.s.Reference(r.Target())
			if err != nil {
				return nil // dangling: as if it were not there
			}
			r = plumbing.NewReferenceFromStrings(r.Name().String(), next.Strings()[1])
		}
		if r.Type() == plumbing.HashReference {
			refs[r.Name().String()] = Hash(r.Hash())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.dir, err)
	}
	return refs, nil
}

// Known returns the references of a remote that were fetched into this store, as Remember was told them.
func (s *Store) Known() (map[string]Hash, error) {
	raw, err := os.ReadFile(filepath.Join(s.dir, knownFile))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Hash{}, nil
	}
	if err != nil {
		return nil, err
	}
	refs := map[string]Hash{}
	for line := range strings.Lines(string(raw)) {
		digits, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		h, err := ParseHash(digits)
		if err != nil || !found {
			return nil, fmt.Errorf("%s: %w", filepath.Join(s.dir, knownFile), ErrBroken)
		}
		refs[name] = h
	}
	return refs, nil
}

// Remember replaces what Known returns; a crash leaves the old or the new.
func (s *Store) Remember(refs map[string]Hash) error {
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		h := refs[name]
		fmt.Fprintf(&text, "%s %s\n", hex.EncodeToString(h[:]), name)
	}
	f, err := os.CreateTemp(s.dir, pack.TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	if _, err := f.Write(text.Bytes()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(s.dir, knownFile)); err != nil {
		return err
	}
	return pack.SyncFolder(s.dir)
}
