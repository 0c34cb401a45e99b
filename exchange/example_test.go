package exchange_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/record"
)

// Two nodes meet in a store in memory: one exports a fact, the other waits for it. Stores that others reach are opened by exchange/connect.
func Example() {
	store, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	x, err := exchange.New(store, exchange.Options{})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	address := record.Wait{Name: "address", Nodes: []string{"db"}, Fact: "address"}
	db, err := x.Join(ctx, exchange.Identity{Node: "db", Run: "1"}, exchange.Plan{Exports: []record.Export{{Fact: "address"}}})
	if err != nil {
		panic(err)
	}
	web, err := x.Join(ctx, exchange.Identity{Node: "web", Run: "2"}, exchange.Plan{Waits: []record.Wait{address}})
	if err != nil {
		panic(err)
	}
	if err := db.Publish(ctx, "address", json.RawMessage(`"10.0.0.7"`), 0); err != nil {
		panic(err)
	}
	values, err := web.Wait(ctx, address, nil)
	fmt.Printf("%s %s %v\n", values.First, values.Nodes["db"]["address"], err)
	fmt.Println(db.End(ctx, ""), web.End(ctx, ""))
	// Output:
	// db "10.0.0.7" <nil>
	// <nil> <nil>
}
