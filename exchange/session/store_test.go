package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/exchange/view"
)

// TestAStoreOfTheCallers: nodes meet in it, and it stays open.
func TestAStoreOfTheCallers(t *testing.T) {
	s, wait := ledgertest.Hub(t), record.Wait{Name: "up", Fact: "up", Nodes: []string{"a"}}
	b := open(t, session.Options{Store: s, Identify: identity("b")}, exchange.Plan{Waits: []record.Wait{wait}})
	a := session.New(session.Options{Store: s, StateDir: t.TempDir(), Identify: identity("a")})
	begin(t, a, exchange.Plan{Exports: []record.Export{{Fact: "up"}}})
	if err := a.Publish(t.Context(), "up", json.RawMessage(`7`), 0); err != nil {
		t.Fatal(err)
	}
	end(t, a, "")
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	got, err := b.Wait(soon(t, time.Minute), wait, nil)
	if err != nil || got.First != "a" || string(got.Nodes["a"]["up"]) != "7" {
		t.Errorf("%+v %v", got, err)
	}
	if !b.Shared() {
		t.Error("no others take part")
	}
}

// TestWhoDoesNotWait: that a caller's context has ended is not an exchange that is away, for others.
func TestWhoDoesNotWait(t *testing.T) {
	s := session.New(session.Options{Store: ledgertest.Hub(t), StateDir: t.TempDir(), Identify: identity("a")})
	none := func(string, *view.View) {}
	gone := errors.New("not any more")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if err := s.Look(ctx, none); !errors.Is(err, gone) && !errors.Is(err, context.Canceled) {
		t.Errorf("it has looked: %v", err)
	}
	if err := s.Look(t.Context(), none); err != nil {
		t.Error(err)
	}
}
