package source

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

// cache is the object store of one URL, held by this process alone.
type cache struct {
	dir   string
	lock  *os.File
	store *odb.Store
}

const lockPoll = 50 * time.Millisecond

// openCache waits for the store of this URL below stateDir, as long as ctx allows, and opens it.
func openCache(ctx context.Context, stateDir, url string) (*cache, error) {
	id := sha256.Sum256([]byte(url))
	c := &cache{dir: filepath.Join(stateDir, "git", hex.EncodeToString(id[:16]))}
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
			c.close()
			return nil, fmt.Errorf("cache: %s: %w", lock.Name(), err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			c.close()
			return nil, fmt.Errorf("cache: %s: held by another run: %w", lock.Name(), context.Cause(ctx))
		}
	}
	if c.store, err = odb.Create(c.dir); err != nil {
		c.close()
		return nil, fmt.Errorf("cache: %w", err)
	}
	return c, nil
}

func (c *cache) has(h odb.Hash) (bool, error) {
	has, err := c.store.Has(h)
	if err != nil {
		return false, brokenCache{err}
	}
	return has, nil
}

// setAside moves a broken store out of the way and begins an empty one.
func (c *cache) setAside() (where string, err error) {
	c.store.Close()
	where = c.dir + ".broken"
	if err := os.RemoveAll(where); err != nil { // one is enough to look at
		return "", err
	}
	if err := os.Rename(c.dir, where); err != nil {
		return "", err
	}
	c.store, err = odb.Create(c.dir)
	return where, err
}

func (c *cache) close() {
	if c.store != nil {
		c.store.Close()
	}
	c.lock.Close() // which also unlocks
}
