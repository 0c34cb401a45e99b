package converge

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
)

// TestWorkers: a node with one processor does not wait for the disk for each resource, unless it is told to.
func TestWorkers(t *testing.T) {
	for _, tc := range []struct {
		name       string
		processors string
		args       []string
		want       int
	}{
		{"one processor", "1", nil, 0},
		{"several", "4", nil, 4},
		{"one asked for", "4", []string{"--parallel", "1"}, 1},
		{"one asked for, of one", "1", []string{"--parallel=1"}, 1},
		{"several asked for, of one", "1", []string{"--parallel", "8"}, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, cmd := New(&cli.App{}), &cobra.Command{}
			r.AddRun(cmd)
			if err := r.parallel.Set(tc.processors); err != nil {
				t.Fatal(err)
			}
			if err := cmd.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			if got := r.workers(); got != tc.want {
				t.Errorf("want %d, got %d", tc.want, got)
			}
		})
	}
}
