package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/store"
)

// TestOwned: one node's writes are bounded, over all deployments and commits; others', and parameters, are not concerned, and what is removed makes room.
func TestOwned(t *testing.T) {
	now, large := time.Unix(0, 0), make([]byte, 1<<20)
	l := New(1, nil, nil)
	commit := func(f func(tx *Tx) error) error {
		tx := l.Begin(now)
		err := f(tx)
		l.Commit(tx)
		return err
	}
	put := func(key string, value []byte) error {
		return commit(func(tx *Tx) error {
			_, err := tx.Put(store.Put{Key: key, Value: value, Expect: store.Any})
			return err
		})
	}
	mine := func(i int) string { return fmt.Sprintf("facts/d%d/n1/f", i) }
	full := 0
	for ; full < 100 && put(mine(full), large) == nil; full++ {
	}
	if full != 63 { // a 64th has no place for its key
		t.Errorf("refused after %d MiB", full)
	}
	err := put(mine(full), large)
	if want := "all that n1 has written would be over 64 MiB"; !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), want) {
		t.Errorf("want %q, got %v", want, err)
	}
	before := l.Revision()
	for _, c := range []struct {
		name string
		err  error
	}{
		{"the same again", put(mine(0), large)},
		{"less than was there", put(mine(1), nil)},
		{"what was made room for", put(mine(full), large)},
		{"another node", put("facts/d0/n2/f", large)},
		{"parameters", put("facts/d0/.params/f", large)},
		{"a deletion", commit(func(tx *Tx) error { return tx.Delete(mine(2), store.Any) })},
		{"after it", put(mine(full+1), large)},
	} {
		if c.err != nil {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
	if got := l.Revision() - before; got != 7 {
		t.Errorf("%d writes of 7 took a revision", got)
	}
	again := New(l.Revision(), l.List("").Entries, nil)
	if again.owned["n1"] != l.owned["n1"] || l.owned["n1"] <= 62<<20 {
		t.Errorf("counted are %d bytes, and %d after a new start", l.owned["n1"], again.owned["n1"])
	}
	if err := commit(func(tx *Tx) error { // within one group, and with a lease that ends
		id, err := tx.Grant(time.Minute)
		for i := range 3 {
			_, putErr := tx.Put(store.Put{Key: fmt.Sprintf("facts/l/n3/f%d", i), Value: large, Expect: 0, Lease: id})
			err = errors.Join(err, putErr)
		}
		return errors.Join(err, tx.Revoke(id))
	}); err != nil || l.owned["n3"] != 0 {
		t.Errorf("what went with its lease is counted: %d bytes, %v", l.owned["n3"], err)
	}
}
