// Package cache keeps what was fetched of a repository, one object store for each URL, and finds in it, or at the remote, what a reference names.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nodeapply/apply/source/internal/odb"
)

// Cache is the object store of one URL, held by this process alone.
type Cache struct {
	url   string
	dir   string
	lock  *os.File
	Store *odb.Store
}

const lockPoll = 50 * time.Millisecond

// Open waits for the store of this URL below stateDir, as long as ctx allows, and opens it.
func Open(ctx context.Context, stateDir, url string) (*Cache, error) {
	id := sha256.Sum256([]byte(url))
	c := &Cache{url: url, dir: filepath.Join(stateDir, "git", hex.EncodeToString(id[:16]))}
	if err := os.MkdirAll(filepath.Dir(c.dir), 0o700); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	lock, err := os.OpenFile(c.dir+".lock", os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c.lock = lock
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			c.Close()
			return nil, fmt.Errorf("cache: %s: %w", lock.Name(), err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			c.Close()
			return nil, fmt.Errorf("cache: %s: held by another run: %w", lock.Name(), context.Cause(ctx))
		}
	}
	if c.Store, err = odb.Create(c.dir); err != nil {
		c.Close()
		return nil, fmt.Errorf("cache: %w", err)
	}
	return c, nil
}

func (c *Cache) has(h odb.Hash) (bool, error) {
	has, err := c.Store.Has(h)
	if err != nil {
		return false, &BrokenError{err}
	}
	return has, nil
}

// SetAside moves a broken store out of the way and begins an empty one.
func (c *Cache) SetAside() (where string, err error) {
	c.Store.Close()
	where = c.dir + ".broken"
	if err := os.RemoveAll(where); err != nil { // one is enough to look at
		return "", err
	}
	if err := os.Rename(c.dir, where); err != nil {
		return "", err
	}
	c.Store, err = odb.Create(c.dir)
	return where, err
}

// Close lets others have the store.
func (c *Cache) Close() {
	if c.Store != nil {
		c.Store.Close()
	}
	c.lock.Close() // which also unlocks
}

// BrokenError is an error of our own store: it may be set aside and fetched again.
type BrokenError struct{ err error }

// Error is that of the store.
func (b *BrokenError) Error() string { return b.err.Error() }

// Unwrap is the error of the store.
func (b *BrokenError) Unwrap() error { return b.err }

// Broken makes a BrokenError of what was wrong with an object of the store.
func Broken(err error) error { return &BrokenError{err} }
