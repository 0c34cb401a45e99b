package nodeset_test

import (
	"fmt"

	"github.com/nodeapply/apply/fleet/nodeset"
)

func Example() {
	names, err := nodeset.Parse("n[08-11],web!n10", nil)
	fmt.Println(names, err)
	fmt.Println(nodeset.Fold(names))
	// Output:
	// [n08 n09 n11 web] <nil>
	// n[08-09,11],web
}
