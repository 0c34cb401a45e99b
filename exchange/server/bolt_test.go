package server

import (
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/wire"
)

// A database whose records are damaged is not served from, and what is wrong with it is told.
func TestBrokenRecords(t *testing.T) {
	entry := func(key string) []byte {
		return wire.AppendEntry(nil, store.Event{Entry: store.Entry{Key: key, Value: []byte("{}"), Revision: 1, Created: 1}})
	}
	for name, tt := range map[string]struct {
		bucket, key string
		value       []byte
		want        string
	}{
		"as it should be":    {"entries", "k", entry("k"), ""},
		"another key":        {"entries", "k", entry("other"), `entry "k" is broken: it holds something else`},
		"a lease":            {"leases", "12345678", be(uint64(time.Minute)), ""},
		"half a lease":       {"leases", "12345678", []byte{1}, "lease 3132333435363738 is broken"},
		"a lease's half key": {"leases", "12", be(1), "lease 3132 is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := openBolt(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			err = b.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tt.bucket)).Put([]byte(tt.key), tt.value) })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Load(time.Now()); (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}
