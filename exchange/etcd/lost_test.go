package etcd_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

// TestAClusterThatLostItsData counts its revisions from the start again, and a watch from a later one says nothing until they have passed that. Who
// waits for others sees them all the same.
func TestAClusterThatLostItsData(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster := exchangetest.StartEtcd(t, 1)
	join := func(node string, p exchange.Plan) *exchange.Run {
		t.Helper()
		x, err := exchange.New(open(t, etcd.Options{Endpoints: cluster.Endpoints}), exchange.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := x.Join(ctx, exchange.Identity{Node: node, Machine: node, Run: "run-" + node}, p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := r.End(context.WithoutCancel(ctx), ""); err != nil {
				t.Error(err)
			}
		})
		return r
	}
	s := open(t, etcd.Options{Endpoints: cluster.Endpoints})
	for i := range 100 {
		if _, err := s.Put(ctx, store.Put{Key: "facts/other/n/x", Value: fact(i), Expect: store.Any}); err != nil {
			t.Fatal(err)
		}
	}
	w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
	a := join("a", exchange.Plan{Waits: []record.Wait{w}})
	waits, met := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		_, err := a.Wait(ctx, w, func(v verdict.Verdict) {
			if v.Need > 0 {
				waits <- struct{}{}
			}
		})
		met <- err
	}()
	<-waits // its watch has begun
	cluster.Kill(t, 0)
	if err := os.RemoveAll(filepath.Join(cluster.Log, "m0")); err != nil {
		t.Fatal(err)
	}
	cluster.Start(t, 0)
	b := join("b", exchange.Plan{Exports: []record.Export{{Fact: "up"}}})
	if err := b.Publish(ctx, "up", json.RawMessage("true"), 0); err != nil {
		t.Fatal(err)
	}
	if err := <-met; err != nil {
		t.Error(err)
	}
}
