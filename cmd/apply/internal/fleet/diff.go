package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
)

func diffCommand(s *selection.Nodes) *cobra.Command {
	file, detailed := "", false
	cmd := &cobra.Command{
		Use:   "diff [SET...] [flags] -- COMMAND [ARGUMENT...]",
		Short: "Say which nodes agree on what a command prints or a file holds, and how the others differ",
		Long: `Say which nodes agree on what a command prints or a file holds, and how the others differ from the largest group.
With --detailed-exitcode differences end with 2.`,
		Example: "  apply fleet diff --on gluster -- gluster peer status\n  apply fleet diff -w 'n[1-8]' --file /etc/hosts",
		RunE: func(cmd *cobra.Command, args []string) error {
			sets, argv := splitArgs(cmd, args)
			line := shell.Line(argv)
			switch {
			case file != "" && cmd.ArgsLenAtDash() < 0:
				if err := onNodes(file); err != nil {
					return usage.Error(cmd, err)
				}
				sets, line = args, shell.Line([]string{"sh", "-c", catLine, "cat", file})
			case file != "":
				return usage.Error(cmd, errors.New("either --file or a command"))
			case len(argv) == 0:
				return usage.Error(cmd, errors.New("which command? give it after --, or --file PATH"))
			}
			d := &comparison{Nodes: s, line: line, file: file, detailed: detailed}
			return d.run(cmd.Context(), sets)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "compare the file at `PATH`")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 where nodes differ")
	s.AddTimeout(cmd, 10*time.Minute, "for the command on each node, 0 for none")
	return cmd
}

// A file that is not there is an answer, not a failure. What has no end, or waits for a writer, is not read; cat says it of a folder.
const (
	catMissing = 44
	catLine    = `[ -e "$1" ] || [ -L "$1" ] || exit 44
if [ -p "$1" ] || [ -c "$1" ] || [ -b "$1" ] || [ -S "$1" ]; then echo "$1: is not a file" >&2; exit 1; fi
exec cat -- "$1"`
)

// comparison is one comparison.
type comparison struct {
	*selection.Nodes
	line, file string
	detailed   bool
}

func (d *comparison) run(ctx context.Context, sets []string) error {
	nodes, dialer, err := d.Selected(sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	ctx, end := selection.Interruptible(ctx)
	var mu sync.Mutex
	said := map[string]*output.Capture{}
	missing := map[string]bool{}
	messages := output.NewLines(d.Stderr, cli.IsTerminal(d.Stderr))
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: d.Timeout, Ended: d.Ended}, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		kept := output.NewCapture(len(nodes))
		var why fleet.Said
		command := transport.Command{Line: d.line, Script: d.file != "", Stdout: kept, Stderr: &why}
		if d.file == "" {
			lines := messages.Node(n.Name)
			defer lines.Close()
			command.Stderr = lines
		}
		exit, err := c.Run(ctx, command)
		mu.Lock()
		defer mu.Unlock()
		said[n.Name] = kept
		switch {
		case err != nil || d.file == "" || exit == transport.Exit{}:
			return exit, err
		case exit.Code == catMissing:
			missing[n.Name] = true
			return transport.Exit{}, nil
		}
		return transport.Exit{}, why.Failure(exit) // the code is not of a command that was asked for
	})
	number := end()
	var all []output.Said
	for _, r := range results {
		if r.Err != nil {
			continue // told in the summary
		}
		s := output.Said{Node: r.Node, Text: said[r.Node].Text(), Key: said[r.Node].Key()}
		switch {
		case missing[r.Node]:
			s.Note = d.file + ": missing"
		case r.Outcome != fleet.OK:
			s.Note = selection.Why(r)
		}
		all = append(all, s)
	}
	groups := output.Gather(all)
	if err := d.Finish(results, number); err != nil {
		return err
	}
	printed := d.print(groups)
	if d.detailed && d.Code == 0 && len(groups) > 1 {
		d.Code = cli.Changed
	}
	return errors.Join(d.Told(printed), d.Summary(results))
}

func (d *comparison) print(groups []output.Group) error {
	if !d.JSON {
		return output.WriteDiff(d.Stdout, groups, cli.IsTerminal(d.Stdout))
	}
	for _, g := range groups {
		object := map[string]any{"event": "group", "nodes": nodeset.Fold(g.Nodes), "count": len(g.Nodes)}
		c := output.NewCapture(1)
		c.Write(g.Text)
		c.JSON(object, "output")
		if g.Note != "" {
			object["note"] = g.Note
		}
		d.Print(object)
	}
	return nil
}
