package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/report"
)

// member converges one node of an exchange, which here is a folder, and returns what its file /peers holds and what failed.
func member(ctx context.Context, s store.Store, node, manifest string) (peers, failed string, err error) {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(main, []byte(manifest), 0o600); err != nil {
		return "", "", err
	}
	part := session.New(session.Options{Store: s, StateDir: filepath.Join(dir, "state"), Identify: func(context.Context) (exchange.Identity, error) {
		return exchange.Identity{Node: node, Groups: []string{"web"}, Boot: "1", Machine: node}, nil
	}})
	m, err := apply.Load(ctx, main, apply.Options{Session: part, Facts: facts.Map{"ip": node + ".example"}})
	if err != nil {
		return "", "", err
	}
	rep, err := m.Converge(ctx, engine.Options{Parallel: 2})
	if err != nil {
		return "", "", err
	}
	for _, r := range rep.Results {
		if r.Outcome == report.Failed {
			failed += r.Error.Summary
		}
	}
	for _, o := range rep.Outputs {
		peers = fmt.Sprint(o.Value)
	}
	return peers, failed, part.Close()
}

// An exchange of one's own is anything that does what package exchange/store says; its suite storetest tries that. Here it is one in memory, in which two
// nodes of this process meet, with facts of one's own.
func Example_exchange() {
	hub, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		panic(err)
	}
	defer hub.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const manifest = `
fact "address" { value = fact.ip }
wait "all" {
  fact  = "address"
  nodes = ["a", "b"]
}
output "peers" { value = join(" ", [for n, _ in wait.all.others : wait.all.others[n].address]) }
`
	nodes := []string{"a", "b"}
	lines, errs := make([]string, len(nodes)), make([]error, len(nodes))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() {
			peers, failed, err := member(ctx, hub, node, manifest)
			lines[i], errs[i] = fmt.Sprint(node, " knows ", peers, failed), err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	// Output:
	// a knows b.example
	// b knows a.example
}
