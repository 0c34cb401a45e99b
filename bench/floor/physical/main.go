// Command physical does only what a correct engine cannot leave out: it looks at each name, reads and compares; or it creates, writes and
// renames. The argument is check or make.
package main

import (
	"fmt"

	"github.com/nodeapply/apply/bench/floor"
)

func main() {
	s, args := floor.Flags()
	f := floor.NewFiles(s)
	floor.Run(func() error {
		if len(args) == 1 && args[0] == "make" {
			return f.Make(floor.Fleeting)
		}
		differ, err := f.Check()
		if err == nil && differ > 0 {
			err = fmt.Errorf("%d differ", differ)
		}
		return err
	})
}
