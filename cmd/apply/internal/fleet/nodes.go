package fleet

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

	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/history"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/report"
)

func nodesCommand(s *selection.Nodes) *cobra.Command {
	return &cobra.Command{
		Use:     "nodes [SET...]",
		Short:   "Say which nodes can be reached, their version of this program and their last run",
		Example: "  apply fleet nodes\n  apply fleet nodes --on gluster --json",
		RunE: func(cmd *cobra.Command, sets []string) error {
			return askNodes(cmd.Context(), s, sets)
		},
	}
}

// nodesLine prints the version of the program that is installed, or was brought last, or why that does not say it, on one line, and the last run as JSON.
const nodesLine = `p=$(command -v apply || ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/apply/bin/apply-* 2>/dev/null | head -n 1)
[ -n "$p" ] || exit 0
"$p" version 2>&1 | tr -s "\n " " "; echo; "$p" history --json 2>/dev/null | head -n 1`

// seenNode is a node as fleet nodes shows it.
type seenNode struct {
	version string
	last    *history.Line
}

func askNodes(ctx context.Context, s *selection.Nodes, sets []string) error {
	nodes, dialer, err := s.Selected(sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	ctx, end := selection.Interruptible(ctx)
	var mu sync.Mutex
	seen := map[string]seenNode{}
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: time.Minute}, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		kept := output.NewCapture(len(nodes))
		var said fleet.Said
		exit, err := c.Run(ctx, transport.Command{Line: shell.Line([]string{"sh", "-c", nodesLine}), Script: true, Stdout: kept, Stderr: &said})
		if err == nil && exit.Code != 0 {
			err = said.Failure(exit)
		}
		mu.Lock()
		defer mu.Unlock()
		seen[n.Name] = parseSeen(kept.Bytes())
		return exit, err
	})
	if err := s.Finish(results, end()); err != nil {
		return err
	}
	return errors.Join(s.Told(printNodes(s, results, seen)), s.Summary(results))
}

// parseSeen reads what nodesLine printed; a node may answer anything.
func parseSeen(text []byte) seenNode {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	s := seenNode{version: strings.TrimSpace(strings.TrimPrefix(string(first), "apply "))}
	var last history.Line
	if json.Unmarshal(bytes.TrimSpace(rest), &last) == nil && last.Run != "" {
		s.last = &last
	}
	return s
}

func printNodes(s *selection.Nodes, results []*fleet.Result, seen map[string]seenNode) error {
	w := tabwriter.NewWriter(s.Stdout, 0, 8, 2, ' ', 0)
	for _, r := range results {
		told := seen[r.Node]
		if s.JSON {
			object := selection.NodeObject(r)
			object["reachable"] = r.Outcome == fleet.OK
			object["version"] = told.version
			if told.last != nil {
				object["last_run"] = told.last
			}
			s.Print(object)
			continue
		}
		version, last := told.version, "never"
		if version == "" {
			version = "-"
		}
		if told.last != nil {
			how := string(told.last.Outcome)
			if told.last.Interrupted != 0 {
				how += ", interrupted"
			}
			last = fmt.Sprintf("%s %s %s", told.last.Started.Local().Format(time.DateTime), how, told.last.Manifest)
		}
		state := "reachable"
		if r.Outcome != fleet.OK {
			state, last, _ = strings.Cut(selection.Why(r), ": ") // why comes last, where it makes no column wide
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Node, state, report.Printable(version), report.Printable(last))
	}
	return w.Flush()
}
