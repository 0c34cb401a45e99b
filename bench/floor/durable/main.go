// Command durable makes all files so that they outlive a power cut: with one syncfs(2) for all before they are renamed, or, with the
// argument each, with an fsync(2) of each.
package main

import "github.com/nodeapply/apply/bench/floor"

func main() {
	s, args := floor.Flags()
	f := floor.NewFiles(s)
	how := floor.OneSync
	if len(args) == 1 && args[0] == "each" {
		how = floor.EachSync
	}
	floor.Run(func() error { return f.Make(how) })
}
