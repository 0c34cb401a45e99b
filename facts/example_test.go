package facts_test

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/host/local"
)

// Only the facts that are asked for are looked up. What the caller gives wins.
func Example() {
	node, err := local.New(local.Options{})
	if err != nil {
		panic(err)
	}
	defer node.Close()
	set := facts.New(node, facts.Options{Environ: []string{"FACTER_role=web", `APPLY_FACT_rack={"row":3,"units":[7,8]}`}})
	for _, path := range []string{"kernel", "role", "rack.row", "rack.units.1", "rack.door"} {
		value, ok, err := set.Get(context.Background(), path)
		fmt.Println(path, value, ok, err)
	}
	// Output:
	// kernel Linux true <nil>
	// role web true <nil>
	// rack.row 3 true <nil>
	// rack.units.1 8 true <nil>
	// rack.door <nil> false <nil>
}
