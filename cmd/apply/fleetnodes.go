package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/report"
)

func (a *app) fleetNodesCommand(f *fleetFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "nodes [SET...]",
		Short:   "Say which nodes can be reached, their version of this program and their last run",
		Example: "  apply fleet nodes\n  apply fleet nodes --on gluster --json",
		RunE: func(cmd *cobra.Command, sets []string) error {
			return a.fleetNodes(cmd.Context(), f, sets)
		},
	}
}

// nodesLine prints the version of the program that is installed, or was brought last, and the last run as JSON.
const nodesLine = `p=$(command -v apply || ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/apply/bin/apply-* 2>/dev/null | head -n 1)
[ -n "$p" ] || exit 0
"$p" version; "$p" history --json 2>/dev/null | head -n 1`

// seenNode is a node as fleet nodes shows it.
type seenNode struct {
	version string
	last    *runLine
}

func (a *app) fleetNodes(ctx context.Context, f *fleetFlags, sets []string) error {
	nodes, dialer, err := a.selected(f, sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	ctx, end := interruptible(ctx)
	var mu sync.Mutex
	seen := map[string]seenNode{}
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: time.Minute}, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		kept := output.NewCapture(len(nodes))
		exit, err := c.Run(ctx, transport.Command{Line: transport.Line([]string{"sh", "-c", nodesLine}), Stdout: kept})
		if err == nil && exit.Code != 0 {
			err = &fleet.JobError{Err: fmt.Errorf("exit code %d", exit.Code)}
		}
		mu.Lock()
		defer mu.Unlock()
		seen[n.Name] = parseSeen(kept.Bytes())
		return exit, err
	})
	number := end()
	if err := a.printNodes(results, seen); err != nil {
		return err
	}
	return errors.Join(a.finish(f, results, number), a.summary(results))
}

// parseSeen reads what nodesLine printed; a node may answer anything.
func parseSeen(text []byte) seenNode {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	s := seenNode{version: strings.TrimSpace(strings.TrimPrefix(string(first), "apply "))}
	var last runLine
	if json.Unmarshal(bytes.TrimSpace(rest), &last) == nil && last.Run != "" {
		s.last = &last
	}
	return s
}

func (a *app) printNodes(results []*fleet.Result, seen map[string]seenNode) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, r := range results {
		s := seen[r.Node]
		if a.flags.json {
			object := nodeObject(r)
			object["reachable"] = r.Outcome == fleet.OK
			object["version"] = s.version
			if s.last != nil {
				object["last_run"] = s.last
			}
			if err := json.NewEncoder(a.stdout).Encode(object); err != nil {
				return err
			}
			continue
		}
		version, last := s.version, "never"
		if version == "" {
			version = "-"
		}
		if s.last != nil {
			last = fmt.Sprintf("%s %s %s", s.last.Started.Local().Format(time.DateTime), s.last.Outcome, s.last.Manifest)
		}
		state := "reachable"
		if r.Outcome != fleet.OK {
			state, last = why(r), "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Node, state, report.Printable(version), report.Printable(last))
	}
	return w.Flush()
}
