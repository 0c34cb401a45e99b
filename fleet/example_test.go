package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/transport"
)

// A command on three nodes. Here a program stands in for ssh: it gets the node's name and the command's line.
func ExampleEach() {
	dialer, err := transport.NewConnector(`sh -c 'test $0 != n3 && echo on $0'`)
	if err != nil {
		panic(err)
	}
	defer dialer.Close()
	var inventory fleet.Inventory // knows no node: each is reached as it is called
	nodes, err := inventory.Select(fleet.Selection{Where: []string{"n[1-3]"}})
	if err != nil {
		panic(err)
	}
	out := make(map[string]*bytes.Buffer)
	for _, n := range nodes {
		out[n.Name] = new(bytes.Buffer)
	}
	o := fleet.Options{Dialer: dialer, Timeout: time.Minute, MaxFailures: 2}
	results := fleet.Each(context.Background(), nodes, o, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		return c.Run(ctx, transport.Command{Line: "hostname", Stdout: out[n.Name]})
	})
	for _, r := range results {
		fmt.Printf("%s %s %d %q\n", r.Node, r.Outcome, r.Exit.Code, out[r.Node])
	}
	fmt.Println(fleet.ExitCode(results, len(nodes)))
	// Output:
	// n1 ok 0 "on n1\n"
	// n2 ok 0 "on n2\n"
	// n3 failed 1 ""
	// 1
}
