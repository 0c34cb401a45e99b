// Package floor is what the programs below it share: each does the least work of one kind for a state and says what that took.
package floor

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/nodeapply/apply/bench/state"
)

// Cost is what work took: seconds by the clock and of all processors, and the most memory that was in use, in KiB.
type Cost struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
	RSS  int64   `json:"rss"`
}

// Flags reads the state that a program is for, and the further arguments.
func Flags() (*state.State, []string) {
	s := &state.State{}
	flag.StringVar(&s.Shape, "shape", state.Inline, "the shape of the state")
	flag.IntVar(&s.N, "n", 1000, "how many")
	flag.StringVar(&s.Root, "root", "", "the folder that is managed")
	flag.StringVar(&s.Sources, "sources", "", "the folder that files are copied from")
	flag.Parse()
	return s, flag.Args()
}

// Run does work and prints its cost as JSON. What came before, such as starting the program, is not counted.
func Run(work func() error) {
	start, before := time.Now(), cpu()
	err := work()
	cost := Cost{Wall: time.Since(start).Seconds(), CPU: (cpu() - before).Seconds()}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for the process itself
	cost.RSS = u.Maxrss
	_ = json.NewEncoder(os.Stdout).Encode(cost)
}

// cpu is what this process has computed so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// texts makes all contents that are declared, which the work is then given.
func texts(s *state.State) []string {
	texts := make([]string, s.N)
	for e := range s.Entries {
		if e.Kind == state.File && e.Source == "" {
			texts[e.Index] = s.Text(e)
		}
	}
	return texts
}
