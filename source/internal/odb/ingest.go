package odb

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/source/internal/pack"
)

// maxPack is the largest pack that is taken in, in bytes.
const maxPack = 2 << 30

// Create opens the store at dir, making it where there is none. What an interrupted Ingest left is removed: the caller holds
// a lock that keeps every other process out.
func Create(dir string) (*Store, error) {
	packs := filepath.Join(dir, "objects", "pack")
	if err := os.MkdirAll(packs, 0o700); err != nil {
		return nil, err
	}
	for _, folder := range []string{dir, packs} {
		if err := removeTorn(folder); err != nil {
			return nil, err
		}
	}
	return &Store{dir: dir, s: openStorage(dir)}, nil
}

// removeTorn removes temporary files and indexes without their pack.
func removeTorn(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, isIndex := strings.CutSuffix(e.Name(), ".idx")
		_, err := os.Lstat(filepath.Join(folder, base+".pack"))
		if strings.HasPrefix(e.Name(), pack.TempPrefix) || isIndex && errors.Is(err, os.ErrNotExist) {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Ingest takes in the pack that fill writes. It appears whole or not at all.
func (s *Store) Ingest(ctx context.Context, fill func(io.Writer) error) error {
	_, err := s.ingest(ctx, fill)
	return err
}

// ingest also returns the pack's path.
func (s *Store) ingest(ctx context.Context, fill func(io.Writer) error) (path string, err error) {
	path, err = pack.Receive(ctx, filepath.Join(s.dir, "objects", "pack"), pack.Limits{Pack: maxPack, Object: maxObject}, fill)
	if err == nil {
		s.reopen()
	}
	return path, err
}

// reopen makes the store see other packs: their list is kept in memory.
func (s *Store) reopen() {
	s.s.Close()
	s.s = openStorage(s.dir)
}
