package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// TestForget: a node that is gone holds nobody up; one that runs is not forgotten, nor is another node.
func TestForget(t *testing.T) {
	hub := ledgertest.Hub(t)
	x := deployment(t, hub)
	r := join(t, x, "n1", Plan{Exports: []record.Export{{Fact: "up"}}})
	if err := errors.Join(r.Publish(t.Context(), "up", json.RawMessage("true"), 0), x.Forget(t.Context(), "n2")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a node that never was there: %v", err)
	}
	if err := x.Forget(t.Context(), "n1"); !errors.Is(err, ErrLives) {
		t.Errorf("a node that runs: %v", err)
	}
	end(t, r, "")
	end(t, join(t, x, "n1.example", Plan{}), "") // its keys begin as those of n1 do, but for the slash
	if err := x.Forget(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	v, err := x.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"n1.example"}, v.Members("g")); diff != "" {
		t.Error(diff)
	}
	if err := x.Forget(t.Context(), "n1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if err := x.Forget(t.Context(), "../n1"); !errors.Is(err, name.ErrName) {
		t.Errorf("what is no node: %v", err)
	}
}

// busy is a store in which a node writes whenever somebody wants to delete something of it.
type busy struct{ store.Store }

func (b busy) Delete(ctx context.Context, key string, expect int64) error {
	e, err := b.Get(ctx, key)
	if err == nil {
		_, err = b.Put(ctx, store.Put{Key: key, Value: e.Value, Expect: store.Any})
	}
	return errors.Join(err, b.Store.Delete(ctx, key, expect))
}

func TestForgetWhatWrites(t *testing.T) {
	hub := ledgertest.Hub(t)
	end(t, join(t, deployment(t, hub), "n1", Plan{}), "")
	if err := deployment(t, busy{hub}).Forget(t.Context(), "n1"); !errors.Is(err, ErrLives) {
		t.Errorf("want %v, got %v", ErrLives, err)
	}
}
