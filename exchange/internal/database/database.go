// Package database keeps what an exchange holds in a file, exchange.db, and writes it anew where it is damaged.
package database

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/store"
)

// Database keeps a ledger in a bbolt file: bucket "entries" (key to an entry as on the wire), bucket "leases" (id to ttl, ns)
// and bucket "meta" ("revision"). One group of writes is one bbolt transaction, with its fsync.
type Database struct {
	db   *bbolt.DB
	path string
	file fs.FileInfo // what is open
	log  *slog.Logger

	failing bool  // the last group was not kept, which is told
	damaged error // what use of it came to; it is not used again, as what panicked holds its locks
}

var _ ledger.Log = (*Database)(nil)

// errBroken says that a database is not what was written.
var errBroken = errors.New("broken")

// Open opens the exchange that is kept in a folder. One that is broken is moved aside, and told: nodes bring their part of it again.
func Open(dir string, log *slog.Logger) (*Database, *ledger.Hub, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "exchange.db")
	db, hub, err := openFile(path, log)
	if errors.Is(err, errBroken) {
		aside := path + ".broken"
		log.Warn("starting without what the exchange held", "error", err, "moved to", aside)
		if err := os.Rename(path, aside); err != nil {
			return nil, nil, err
		}
		db, hub, err = openFile(path, log)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, hub, nil
}

func openFile(path string, log *slog.Logger) (db *Database, hub *ledger.Hub, err error) {
	if db, err = openBolt(path, log); err != nil {
		return nil, nil, err
	}
	if hub, err = ledger.NewHub(db, time.Now); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: %w", errBroken, err), db.Close())
	}
	return db, hub, nil
}

func openBolt(path string, log *slog.Logger) (b *Database, err error) {
	err = guarded(func() (err error) {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 3 * time.Second, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return err
		}
		b = &Database{db: db, path: path, log: log}
		if b.file, err = os.Stat(path); err != nil {
			return err
		}
		return db.Update(func(tx *bbolt.Tx) error {
			for _, b := range []string{"entries", "leases", "meta"} {
				if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	var errno syscall.Errno
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		err = errors.New("another exchange serves from it")
	case !errors.As(err, &errno) && !errors.Is(err, bolterrors.ErrVersionMismatch):
		err = fmt.Errorf("%w: %w", errBroken, err)
	}
	if b != nil {
		err = errors.Join(err, b.Close())
	}
	return nil, err
}

// guarded calls what uses a database. Where that is damaged bbolt panics, and reads its memory beyond the end of the file.
func guarded(use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if _, fault := p.(interface{ Addr() uintptr }); fault {
			err = errors.New("it is cut off")
		} else if p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return use()
}

// Load implements [ledger.Log].
func (b *Database) Load(now time.Time) (l *ledger.Ledger, err error) {
	if b.damaged != nil {
		return nil, b.damaged
	}
	err = guarded(func() (err error) { l, err = b.load(now); return err })
	return l, err
}

func (b *Database) load(now time.Time) (*ledger.Ledger, error) {
	var entries []store.Entry
	var leases []ledger.Lease
	var revision int64
	err := b.db.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket([]byte("meta")).Get([]byte("revision")); len(v) == 8 {
			revision = int64(binary.BigEndian.Uint64(v))
		}
		err := tx.Bucket([]byte("leases")).ForEach(func(k, v []byte) error {
			if len(k) != 8 || len(v) != 8 {
				return fmt.Errorf("lease %x is broken", k)
			}
			ttl := time.Duration(binary.BigEndian.Uint64(v))
			id := store.LeaseID(binary.BigEndian.Uint64(k))
			leases = append(leases, ledger.Lease{ID: id, TTL: ttl, Expires: now.Add(ttl)})
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Bucket([]byte("entries")).ForEach(func(k, v []byte) error {
			f, err := wire.Decode(append([]byte(nil), v...)) // bbolt's memory is its own
			if err == nil && (f.Event == nil || f.Event.Key != string(k)) {
				err = errors.New("it holds something else")
			}
			if err != nil {
				return fmt.Errorf("entry %.300q is broken: %w", k, err)
			}
			entries = append(entries, f.Event.Entry)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return ledger.New(revision, entries, leases), nil
}

// Commit keeps a group. Where the file turns out to be damaged, in a page that nobody had to read until then, it is written anew, of what the group begins with.
func (b *Database) Commit(t *ledger.Tx) error {
	err := b.keep(t)
	switch was := b.failing; {
	case err != nil && !was: // nodes try again and again
		b.log.Error("what nodes write cannot be kept: they wait until it can", "error", err)
	case err == nil && was:
		b.log.Info("what nodes write is kept again")
	}
	b.failing = err != nil
	return err
}

func (b *Database) keep(t *ledger.Tx) error {
	switch now, err := os.Stat(b.path); {
	case err != nil: // what is open goes with its last reader
		return fmt.Errorf("it was moved or removed: %w", err)
	case !os.SameFile(b.file, now):
		return fmt.Errorf("%s was replaced: what is there now is served after a restart", b.path)
	}
	if b.damaged == nil {
		whole := false
		err := guarded(func() error {
			err := b.commit(t)
			whole = true
			return err
		})
		if whole {
			return err
		}
		b.damaged = err
	}
	why := b.damaged
	if err := b.anew(t); err != nil {
		return fmt.Errorf("%s is damaged (%w) and cannot be written anew: %w", b.path, why, err)
	}
	b.log.Warn("the exchange's file was damaged: it was written anew, and nothing of it is lost", "error", why, "the damaged one", b.path+".broken")
	return nil
}

// anew puts a new file with all that a group begins with, and the group, in the place of the damaged one.
func (b *Database) anew(t *ledger.Tx) (err error) {
	path := b.path + ".new"
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh, err := openBolt(path, b.log)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, fresh.Close(), os.Remove(path))
		}
	}()
	if err := fresh.commit(t.Before()); err != nil {
		return err
	}
	if err := fresh.commit(t); err != nil {
		return err
	}
	if err := os.Remove(b.path + ".broken"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(b.path, b.path+".broken"); err != nil { // so that there is always one of the name
		return err
	}
	if err := errors.Join(os.Rename(path, b.path), durable.SyncDir(filepath.Dir(path))); err != nil {
		return err
	}
	b.db, b.file, b.damaged = fresh.db, fresh.file, nil // the other stays open
	return nil
}

func (b *Database) commit(t *ledger.Tx) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		entries, leases := tx.Bucket([]byte("entries")), tx.Bucket([]byte("leases"))
		for _, e := range t.Events() {
			var err error
			if e.Deleted {
				err = entries.Delete([]byte(e.Key))
			} else {
				err = entries.Put([]byte(e.Key), wire.AppendEntry(nil, e))
			}
			if err != nil {
				return err
			}
		}
		for id, le := range t.Leases() {
			var err error
			if le == nil {
				err = leases.Delete(be(uint64(id)))
			} else {
				err = leases.Put(be(uint64(id)), be(uint64(le.TTL)))
			}
			if err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("revision"), be(uint64(t.Revision())))
	})
}

// Close closes the file.
func (b *Database) Close() error {
	if b.damaged != nil {
		return nil
	}
	return b.db.Close()
}

func be(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
