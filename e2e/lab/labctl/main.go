// Command labctl looks after what labs may leave on a machine.
//
//	labctl clean    removes what labs left whose processes were all killed; it needs root where there is anything
package main

import (
	"fmt"
	"os"

	"github.com/nodeapply/apply/e2e/lab"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "clean" {
		fmt.Fprintln(os.Stderr, "usage: labctl clean")
		os.Exit(2)
	}
	if err := lab.Clean(); err != nil {
		fmt.Fprintln(os.Stderr, "labctl:", err)
		os.Exit(1)
	}
}
