// Package store keeps content by its hash: each file of its folder is named by the SHA-256 of what is in it, in hexadecimal digits. What is
// kept is on disk. A file has its name before: of what a power cut leaves, the name tells whether it is whole.
package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/syncer"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/journal/internal/files"
)

// Cap is the size of a file that is kept at most, in bytes.
const Cap = host.KeptSize

const (
	wholeCap = 8 << 30 // of all files, in bytes
	begun    = "new-"  // begins the names of files that are being written
)

// Store is a folder of content. It may be used by several goroutines.
type Store struct {
	dir     string
	sync    *syncer.Group
	buffers sync.Pool // of *[]byte, for copies
}

// New returns the store in the folder dir, which is made with the first content.
func New(dir string) *Store {
	return &Store{dir: dir, sync: syncer.New(), buffers: sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}}
}

// Sum is the hash that names content.
func Sum(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Put copies content to the store and returns its hash. It is on disk when Put returns.
func (s *Store) Put(ctx context.Context, r io.Reader) (string, error) {
	sum, err := s.put(ctx, r)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return sum, nil
}

func (s *Store) put(ctx context.Context, r io.Reader) (sum string, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", err
	}
	tmp := filepath.Join(s.dir, begun+rand.Text())
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	renamed := false
	defer func() {
		if !renamed {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	h := sha256.New()
	buf := s.buffers.Get().(*[]byte)
	_, err = io.CopyBuffer(io.MultiWriter(f, h), &bounded{ctx, io.LimitReader(r, Cap+1)}, *buf)
	s.buffers.Put(buf) // others copy while this one waits for the disk
	if err != nil {
		return "", err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	name := filepath.Join(s.dir, sum)
	if kept, getErr := s.Get(sum); getErr == nil { // else it is damaged, if it is there: this one takes its place
		defer kept.Close()
		now := time.Now() // what is needed again is not pruned for its age
		if err := os.Chtimes(name, now, now); err != nil {
			return "", err
		}
		f = kept // which somebody else may have just named, and wait for
	} else {
		if err := os.Rename(tmp, name); err != nil {
			return "", err
		}
		renamed = true
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return "", err
	}
	defer d.Close()
	return sum, waiting.Durable(ctx, s.sync, int(f.Fd()), int(d.Fd()))
}

// bounded ends a copy when ctx ends.
type bounded struct {
	ctx context.Context
	r   io.Reader
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.r.Read(p)
}

// Get opens content and checks that it is what its name says.
func (s *Store) Get(sum string) (*os.File, error) {
	f, err := files.Open(filepath.Join(s.dir, sum))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the content is no longer in the store")
	}
	if err != nil {
		return nil, err
	}
	have, err := Sum(f)
	if err == nil && have != sum {
		err = errors.New("the content in the store is damaged")
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Prune removes what is from before the time before, what was never finished, and of a store that is over its cap the oldest.
func (s *Store) Prune(before time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var infos []fs.FileInfo
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		infos = append(infos, info)
		total += info.Size()
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range infos {
		if !info.ModTime().Before(before) && total <= wholeCap && !strings.HasPrefix(info.Name(), begun) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, info.Name())); err != nil {
			return err
		}
		total -= info.Size()
	}
	return nil
}
