// Package ledgertest makes stores in memory, for the time of a test.
package ledgertest

import (
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/ledger"
)

// Hub is a new store that keeps nothing, and is closed with the test.
func Hub(t testing.TB) *ledger.Hub {
	t.Helper()
	h, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}
