package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/report"
)

func (a *app) fleetExecCommand(f *fleetFlags) *cobra.Command {
	e := &fleetExec{app: a, flags: f}
	cmd := &cobra.Command{
		Use:   "exec [SET...] [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command on many nodes",
		Long: `Run a command on many nodes. What it prints comes as it is printed, each line with the name of its node; what nodes print to standard error goes to
standard error. Several words are passed on as they are; a single one is a line for the nodes' shells.`,
		Example: "  apply fleet exec -w 'n[01-32],!n07' -- uptime\n  apply fleet exec --on gluster -b -- 'df -h | grep brick'",
		RunE: func(cmd *cobra.Command, args []string) error {
			sets, argv := splitArgs(cmd, args)
			if len(argv) == 0 {
				return usageError(cmd, errors.New("which command? give it after --"))
			}
			return e.run(cmd.Context(), sets, argv)
		},
	}
	cmd.Flags().BoolVarP(&e.gather, "gather", "b", false, "gather equal outputs under the folded names of their nodes")
	cmd.Flags().BoolVar(&e.agents.use, "agent", false, "by the nodes' agents, not by ssh (as agent = true in the inventory)")
	cmd.Flags().IntVar(&e.agents.port, "agent-port", agent.DefaultPort, "`PORT` of agents")
	cmd.Flags().BoolVar(&e.detach, "detach", false, "leave the command running on the nodes, its output in a file there")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Minute, "for the command on each node, 0 for none")
	return cmd
}

// splitArgs tells node sets before -- from the command after it. Without -- all is the command.
func splitArgs(cmd *cobra.Command, args []string) (sets, argv []string) {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		return args[:n], args[n:]
	}
	return nil, args
}

// fleetExec is one command on many nodes.
type fleetExec struct {
	*app
	flags          *fleetFlags
	gather, detach bool
	agents         agentFlags

	mu       sync.Mutex // of captured
	captured map[string]*captured
}

// captured is what a node printed.
type captured struct{ stdout, stderr *output.Capture }

// detachLine starts a command that outlives its session, and tells where its output goes. $1 is the command's line.
const detachLine = `umask 077; d="${XDG_CACHE_HOME:-$HOME/.cache}/apply/detached"; mkdir -p "$d" && o=$(mktemp "$d/XXXXXXXX") || exit 1
setsid nohup "${SHELL:-/bin/sh}" -c "$1" >"$o" 2>&1 </dev/null & echo "process $!, output in $o"`

func (e *fleetExec) run(ctx context.Context, sets, argv []string) error {
	nodes, dialer, err := e.selected(e.flags, sets)
	if err != nil {
		return err
	}
	if _, err := nodeset.Share(e.flags.minOK, len(nodes)); err != nil {
		return fmt.Errorf("--min-ok %w", err)
	}
	defer dialer.Close()
	if dialer, err = e.byAgent(ctx, e.flags, &e.agents, nodes, dialer); err != nil {
		return err
	}
	line := transport.Line(argv)
	if e.detach {
		line = transport.Line([]string{"sh", "-c", detachLine, "detach", line})
	}
	ctx, end := interruptible(ctx)
	e.captured = map[string]*captured{}
	out, messages := output.NewLines(e.stdout, isTerminal(e.stdout)), output.NewLines(e.stderr, isTerminal(e.stderr))
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: e.flags.timeout, Ended: e.ended},
		func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
			command := transport.Command{Line: line}
			switch {
			case e.app.flags.json || e.gather:
				kept := &captured{output.NewCapture(len(nodes)), output.NewCapture(len(nodes))}
				e.mu.Lock()
				e.captured[n.Name] = kept
				e.mu.Unlock()
				command.Stdout, command.Stderr = kept.stdout, kept.stderr
			default:
				stdout, stderr := out.Node(n.Name+": "), messages.Node(n.Name+": ")
				defer stdout.Close()
				defer stderr.Close()
				command.Stdout, command.Stderr = stdout, stderr
			}
			return c.Run(ctx, command)
		})
	number := end()
	if e.gather && !e.app.flags.json {
		if err := e.printGroups(results); err != nil {
			return err
		}
	}
	return errors.Join(e.finish(e.flags, results, number), e.summary(results))
}

// ended prints a node's result with --json.
func (e *fleetExec) ended(r *fleet.Result) {
	if !e.app.flags.json {
		return
	}
	object := nodeObject(r)
	e.mu.Lock()
	kept := e.captured[r.Node]
	e.mu.Unlock()
	if kept != nil {
		kept.stdout.JSON(object, "stdout")
		kept.stderr.JSON(object, "stderr")
	}
	if err := json.NewEncoder(e.stdout).Encode(object); err != nil {
		fmt.Fprintf(e.stderr, "apply: %v\n", err)
	}
}

// nodeObject is a result as JSON. Its keys are a promise.
func nodeObject(r *fleet.Result) map[string]any {
	object := map[string]any{"event": "node", "node": r.Node, "outcome": r.Outcome, "duration_ms": milliseconds(r.Took)}
	if r.Err != nil {
		object["error"] = r.Err.Error()
	} else {
		object["code"] = r.Exit.Code
	}
	if r.Exit.Signal != "" {
		object["signal"] = r.Exit.Signal
	}
	return object
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// printGroups prints what nodes said on standard output, folded, and then the same for standard error.
func (e *fleetExec) printGroups(results []*fleet.Result) error {
	var out, messages []output.Said
	for _, r := range results {
		kept := e.captured[r.Node]
		if kept == nil {
			continue
		}
		if note := why(r); kept.stdout.Key() != output.NewCapture(1).Key() || kept.stderr.Key() == output.NewCapture(1).Key() {
			if r.Outcome == fleet.OK {
				note = ""
			}
			out = append(out, output.Said{Node: r.Node, Text: kept.stdout.Text(), Key: kept.stdout.Key(), Note: note})
		}
		if kept.stderr.Key() != output.NewCapture(1).Key() {
			messages = append(messages, output.Said{Node: r.Node, Text: kept.stderr.Text(), Key: kept.stderr.Key(), Note: "standard error"})
		}
	}
	return errors.Join(output.WriteGroups(e.stdout, output.Gather(out), isTerminal(e.stdout)),
		output.WriteGroups(e.stderr, output.Gather(messages), isTerminal(e.stderr)))
}

// why is what a result is told as: the same for nodes that ended the same way.
func why(r *fleet.Result) string {
	switch {
	case r.Err != nil:
		return report.Printable(fmt.Sprintf("%s: %v", r.Outcome, r.Err))
	case r.Exit.Signal != "":
		return report.Printable("failed: signal " + r.Exit.Signal)
	case r.Outcome == fleet.Failed:
		return fmt.Sprintf("failed: exit code %d", r.Exit.Code)
	}
	return string(r.Outcome)
}

// summary says how many nodes went well, and which did not and why: one line, and one for each reason.
func (a *app) summary(results []*fleet.Result) error {
	by := map[string][]string{}
	var order []string
	outcomes := map[fleet.Outcome][]string{}
	for _, r := range results {
		outcomes[r.Outcome] = append(outcomes[r.Outcome], r.Node)
		if r.Outcome == fleet.OK {
			continue
		}
		reason := why(r)
		if by[reason] == nil {
			order = append(order, reason)
		}
		by[reason] = append(by[reason], r.Node)
	}
	if a.flags.json {
		return a.summaryJSON(results, outcomes)
	}
	for _, reason := range order {
		if _, err := fmt.Fprintf(a.stderr, "%s: %s\n", nodeset.Fold(by[reason]), reason); err != nil {
			return err
		}
	}
	line := fmt.Sprintf("%d of %d ok", len(outcomes[fleet.OK]), len(results))
	for _, o := range []fleet.Outcome{fleet.OK, fleet.Failed, fleet.Unreachable, fleet.TimedOut, fleet.Interrupted, fleet.Skipped} {
		switch names := outcomes[o]; {
		case len(names) == 0:
		case o == fleet.OK:
			line += ": " + nodeset.Fold(names)
		default:
			line += fmt.Sprintf("; %d %s: %s", len(names), o, nodeset.Fold(names))
		}
	}
	_, err := fmt.Fprintln(a.stderr, line)
	return err
}

func (a *app) summaryJSON(results []*fleet.Result, outcomes map[fleet.Outcome][]string) error {
	sets := map[fleet.Outcome]string{}
	for o, names := range outcomes {
		sets[o] = nodeset.Fold(names)
	}
	outcome := fleet.OK
	if len(outcomes[fleet.OK]) < len(results) {
		outcome = fleet.Failed
	}
	return json.NewEncoder(a.stdout).Encode(map[string]any{
		"event": "summary", "outcome": outcome, "total": len(results), "ok": len(outcomes[fleet.OK]), "failed": len(outcomes[fleet.Failed]),
		"unreachable": len(outcomes[fleet.Unreachable]), "timeout": len(outcomes[fleet.TimedOut]), "interrupted": len(outcomes[fleet.Interrupted]),
		"skipped": len(outcomes[fleet.Skipped]), "nodes": sets, "code": a.code,
	})
}
