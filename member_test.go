package apply_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/ledger"
)

// TestNobodyLooksOn: that a fact does not come is told while the run goes on, also of a run without Events. Here it waits for a node that waits for that fact.
func TestNobodyLooksOn(t *testing.T) {
	hub, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	type end struct {
		failed string
		err    error
	}
	b := make(chan end, 1)
	go func() {
		_, failed, err := member(ctx, hub, "b", `
wait "up" {
  fact  = "up"
  nodes = ["a"]
}
fact "done" {
  value   = true
  require = wait.up
}`)
		b <- end{failed, err}
	}()
	_, _, err = member(ctx, hub, "a", `
fact "up" {
  value  = true
  onlyif = "false"
}
wait "done" {
  fact  = "done"
  nodes = ["b"]
}`)
	if got := <-b; err != nil || got.err != nil || !strings.Contains(got.failed, "does not export") {
		t.Errorf("a: %v; b: %v, %q", err, got.err, got.failed)
	}
}
