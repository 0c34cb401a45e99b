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
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
)

func (a *app) fleetDiffCommand(f *fleetFlags) *cobra.Command {
	file, detailed := "", false
	cmd := &cobra.Command{
		Use:   "diff [SET...] [flags] -- COMMAND [ARGUMENT...]",
		Short: "Say which nodes agree on what a command prints or a file holds, and how the others differ",
		Long: `Say which nodes agree on what a command prints or a file holds, and how the others differ from the largest group.
With --detailed-exitcode differences end with 2.`,
		Example: "  apply fleet diff --on gluster -- gluster peer status\n  apply fleet diff -w 'n[1-8]' --file /etc/hosts",
		RunE: func(cmd *cobra.Command, args []string) error {
			sets, argv := splitArgs(cmd, args)
			line := transport.Line(argv)
			switch {
			case file != "" && cmd.ArgsLenAtDash() < 0:
				sets, line = args, transport.Line([]string{"sh", "-c", catLine, "cat", file})
			case file != "":
				return usageError(cmd, errors.New("either --file or a command"))
			case len(argv) == 0:
				return usageError(cmd, errors.New("which command? give it after --, or --file PATH"))
			}
			d := &fleetDiff{app: a, flags: f, line: line, file: file, detailed: detailed}
			return d.run(cmd.Context(), sets)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "compare the file at `PATH`")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 where nodes differ")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Minute, "for the command on each node, 0 for none")
	return cmd
}

// A file that is not there is an answer, not a failure.
const (
	catMissing = 44
	catLine    = `[ -e "$1" ] || [ -L "$1" ] || exit 44; exec cat -- "$1"`
)

// fleetDiff is one comparison.
type fleetDiff struct {
	*app
	flags      *fleetFlags
	line, file string
	detailed   bool
}

func (d *fleetDiff) run(ctx context.Context, sets []string) error {
	nodes, dialer, err := d.selected(d.flags, sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	ctx, end := interruptible(ctx)
	var mu sync.Mutex
	said := map[string]*output.Capture{}
	missing := map[string]bool{}
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: d.flags.timeout}, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		kept, messages := output.NewCapture(len(nodes)), output.NewLines(d.stderr, isTerminal(d.stderr)).Node(n.Name+": ")
		exit, err := c.Run(ctx, transport.Command{Line: d.line, Stdout: kept, Stderr: messages})
		messages.Close()
		mu.Lock()
		defer mu.Unlock()
		if said[n.Name] = kept; err == nil && d.file != "" && exit.Code == catMissing {
			missing[n.Name] = true
			return transport.Exit{}, nil
		}
		return exit, err
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
			s.Note = why(r)
		}
		all = append(all, s)
	}
	groups := output.Gather(all)
	if err := d.print(groups); err != nil {
		return err
	}
	if err := d.finish(d.flags, results, number); err != nil {
		return err
	}
	if d.detailed && d.code == 0 && len(groups) > 1 {
		d.code = 2
	}
	return d.summary(results)
}

func (d *fleetDiff) print(groups []output.Group) error {
	if !d.app.flags.json {
		return output.WriteDiff(d.stdout, groups, isTerminal(d.stdout))
	}
	for _, g := range groups {
		object := map[string]any{"event": "group", "nodes": nodeset.Fold(g.Nodes), "count": len(g.Nodes)}
		c := output.NewCapture(1)
		c.Write(g.Text)
		c.JSON(object, "output")
		if g.Note != "" {
			object["note"] = g.Note
		}
		if err := json.NewEncoder(d.stdout).Encode(object); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}
	return nil
}
