package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/agent"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
)

func execCommand(s *selection.Nodes) *cobra.Command {
	e := &execution{Nodes: s}
	cmd := &cobra.Command{
		Use:   "exec [SET...] [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command on many nodes",
		Long: `Run a command on many nodes. What it prints comes as it is printed, each line with the name of its node; what nodes print to standard error goes to
standard error; of a line over 4 MiB further pieces begin with NODE:+. Several words are passed on as they are; a single one is a line for the nodes' shells. What a command
leaves running in the background is not waited for. Its input is empty, or with --stdin what this program reads from its own, to the end, before it begins.`,
		Example: "  apply fleet exec -w 'n[01-32],!n07' -- uptime\n  apply fleet exec --on gluster -b -- 'df -h | grep brick'",
		RunE: func(cmd *cobra.Command, args []string) error {
			sets, argv := splitArgs(cmd, args)
			if len(argv) == 0 {
				return usage.Error(cmd, errors.New("which command? give it after --"))
			}
			if e.stdin && e.detach {
				return usage.Error(cmd, errors.New("--detach: takes no --stdin"))
			}
			if e.stdin && e.HostsFromStdin() {
				return usage.Error(cmd, errors.New("--stdin: standard input is read for nodes (-f -)"))
			}
			return e.run(cmd.Context(), sets, argv)
		},
	}
	cmd.Flags().BoolVarP(&e.gather, "gather", "b", false, "gather equal outputs under the folded names of their nodes")
	e.agents.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&e.detach, "detach", false, "leave the command running on the nodes, its output in a file there")
	cmd.Flags().BoolVar(&e.stdin, "stdin", false, "give standard input to the command, on each node all of it (not by agents: it is not signed)")
	s.AddTimeout(cmd, 10*time.Minute, "for the command on each node, 0 for none")
	return cmd
}

// splitArgs tells node sets before -- from the command after it. Without -- all is the command.
func splitArgs(cmd *cobra.Command, args []string) (sets, argv []string) {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		return args[:n], args[n:]
	}
	return nil, args
}

// execution is one command on many nodes.
type execution struct {
	*selection.Nodes
	gather, detach, stdin bool
	agents                agent.Flags

	mu       sync.Mutex // of captured
	captured map[string]*captured
}

// captured is what a node printed.
type captured struct{ stdout, stderr *output.Capture }

// detachLine starts a command that outlives its session, and tells where its output goes. $1 is the command's line.
const detachLine = `umask 077; d="${XDG_CACHE_HOME:-$HOME/.cache}/apply/detached"; mkdir -p "$d" && o=$(mktemp "$d/XXXXXXXX") || exit 1
setsid nohup "${SHELL:-/bin/sh}" -c "$1" >"$o" 2>&1 </dev/null & echo "process $!, output in $o"`

func (e *execution) run(ctx context.Context, sets, argv []string) error {
	nodes, dialer, err := e.Selected(sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	if dialer, err = e.agents.Dialer(ctx, e.Nodes, nodes, dialer, e.stdin); err != nil {
		return err
	}
	input := func() io.Reader { return nil }
	if e.stdin {
		spool, size, err := spooled(e.Stdin)
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		defer spool.Close()
		input = func() io.Reader { return io.NewSectionReader(spool, 0, size) }
	}
	line := shell.Line(argv)
	if e.detach {
		line = shell.Line([]string{"sh", "-c", detachLine, "detach", line})
	}
	ctx, end := selection.Interruptible(ctx)
	e.captured = map[string]*captured{}
	out, messages := output.NewLines(e.Stdout, cli.IsTerminal(e.Stdout)), output.NewLines(e.Stderr, cli.IsTerminal(e.Stderr))
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: e.Timeout, Ended: e.ended},
		func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
			command := transport.Command{Line: line, Script: e.detach, Stdin: input()}
			switch {
			case e.JSON || e.gather:
				kept := &captured{output.NewCapture(len(nodes)), output.NewCapture(len(nodes))}
				e.mu.Lock()
				e.captured[n.Name] = kept
				e.mu.Unlock()
				command.Stdout, command.Stderr = kept.stdout, kept.stderr
			default:
				stdout, stderr := out.Node(n.Name), messages.Node(n.Name)
				defer stdout.Close()
				defer stderr.Close()
				command.Stdout, command.Stderr = stdout, stderr
			}
			return c.Run(ctx, command)
		})
	if err := e.Finish(results, end()); err != nil {
		return err
	}
	if e.gather && !e.JSON {
		err = e.Told(e.printGroups(results))
	}
	return errors.Join(err, e.Summary(results))
}

// spooled keeps all of r in a file without a name, from which each node reads at its own speed.
func spooled(r io.Reader) (_ *os.File, size int64, err error) {
	f, err := os.CreateTemp("", "apply-stdin-")
	if err != nil {
		return nil, 0, err
	}
	if err = os.Remove(f.Name()); err == nil {
		size, err = io.Copy(f, r)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// ended prints a node's result with --json.
func (e *execution) ended(r *fleet.Result) {
	if !e.JSON {
		return
	}
	object := selection.NodeObject(r)
	e.mu.Lock()
	kept := e.captured[r.Node]
	e.mu.Unlock()
	if kept != nil {
		kept.stdout.JSON(object, "stdout")
		kept.stderr.JSON(object, "stderr")
	}
	e.Print(object)
}

// printGroups prints what nodes said on standard output, folded, and then the same for standard error.
func (e *execution) printGroups(results []*fleet.Result) error {
	var out, messages []output.Said
	for _, r := range results {
		kept := e.captured[r.Node]
		if kept == nil {
			continue
		}
		if note := selection.Why(r); !kept.stdout.Empty() || kept.stderr.Empty() {
			if r.Outcome == fleet.OK {
				note = ""
			}
			out = append(out, output.Said{Node: r.Node, Text: kept.stdout.Text(), Key: kept.stdout.Key(), Note: note})
		}
		if !kept.stderr.Empty() {
			messages = append(messages, output.Said{Node: r.Node, Text: kept.stderr.Text(), Key: kept.stderr.Key(), Note: "standard error"})
		}
	}
	return errors.Join(output.WriteGroups(e.Stdout, output.Gather(out), cli.IsTerminal(e.Stdout)),
		output.WriteGroups(e.Stderr, output.Gather(messages), cli.IsTerminal(e.Stderr)))
}
