// Package floor is what the programs below it share: each does the least work of one kind for a state and says what that took.
package floor

import (
	"encoding/json"
	"errors"
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

// CostOf is what a process took that has ended, with those that it has waited for.
func CostOf(p *os.ProcessState, wall time.Duration) (Cost, error) {
	u, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return Cost{}, errors.New("no resource usage")
	}
	return Cost{Wall: wall.Seconds(), CPU: processor(u).Seconds(), RSS: u.Maxrss}, nil
}

func processor(u *syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
	start, before := time.Now(), usage()
	err := work()
	took, after := time.Since(start), usage()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(Cost{Wall: took.Seconds(), CPU: (processor(after) - processor(before)).Seconds(), RSS: after.Maxrss})
}

// usage is what this process has used so far.
func usage() *syscall.Rusage {
	u := &syscall.Rusage{}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, u) // cannot fail for the process itself
	return u
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
