// Command apply brings a node to the state that a manifest declares.
package main

import (
	"os"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
)

func main() {
	os.Exit(cli.Main(commands, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
