package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/wire"
)

// boltLog keeps a ledger in a bbolt file: bucket "entries" (key to an entry as on the wire), bucket "leases" (id to ttl, ns)
// and bucket "meta" ("revision"). One group of writes is one bbolt transaction, with its fsync.
type boltLog struct{ db *bbolt.DB }

var _ ledger.Log = (*boltLog)(nil)

func openBolt(dir string) (*boltLog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "exchange.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 3 * time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		err = errors.New("another exchange serves from it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range []string{"entries", "leases", "meta"} {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &boltLog{db}, nil
}

func (b *boltLog) Load(now time.Time) (*ledger.Ledger, error) {
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

func (b *boltLog) Commit(t *ledger.Tx) error {
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

func (b *boltLog) Close() error { return b.db.Close() }

func be(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
