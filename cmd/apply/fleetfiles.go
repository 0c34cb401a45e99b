package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/transport"
)

func (a *app) fleetPutCommand(f *fleetFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put SOURCE... DESTINATION",
		Short: "Bring files and folders to many nodes",
		Long: `Bring files and folders to many nodes, whole or not at all: what a node received is verified by its checksum beside its place and then renamed into it.
Modes are kept. As with cp -r they go into DESTINATION if that is a folder, ends in / or there are several of them, else they become DESTINATION.`,
		Example: "  apply fleet put --on gluster motd /etc/motd\n  apply fleet put -w 'n[1-8]' site/ /srv/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError(cmd, errors.New("give what to bring, and where to"))
			}
			return a.fleetPut(cmd.Context(), f, args[:len(args)-1], args[len(args)-1])
		},
	}
	cmd.Flags().DurationVar(&f.timeout, "timeout", time.Hour, "for each node, 0 for none")
	return cmd
}

// segment is the same for nodes that reach each other: those behind the same gateway.
func segment(d transport.Dialer, t transport.Target) string {
	if s, ok := d.(transport.SSH); ok {
		return s.Gateway(t)
	}
	return t.Gateway // what a connector does is not known
}

// fleetPut brings sources to dst on all nodes, through each other.
func (a *app) fleetPut(ctx context.Context, f *fleetFlags, sources []string, dst string) error {
	nodes, dialer, err := a.selected(f, nil)
	if err != nil {
		return err
	}
	defer dialer.Close()
	bundle, err := files.NewBundle(sources)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := seat.NewProgram(self)
	if err != nil {
		return err
	}
	put, err := seat.NewPut(program, bundle)
	if err != nil {
		return err
	}
	notes := output.NewLines(a.stderr, true) // what nodes say of each other may be anything
	put.Note = func(node, text string) { fmt.Fprintf(notes.Node(node+": "), "%s\n", text) }
	return a.onNodes(ctx, f, nodes, dialer, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		return transport.Exit{}, put.To(ctx, c, n.Name, segment(dialer, n.Target), dst)
	})
}

func (a *app) fleetGetCommand(f *fleetFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get SOURCE DIR",
		Short: "Fetch a file or a folder from many nodes",
		Long: `Fetch a file or a folder from many nodes as DIR/NODE/NAME, whole or not at all: what was received is verified by its checksum beside its place and then
renamed into it. Modes are kept.`,
		Example: "  apply fleet get --on gluster /etc/glusterfs collected",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(cmd, errors.New("give what to fetch, and the folder to put it in"))
			}
			return a.onEach(cmd.Context(), f, nil, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
				return transport.Exit{}, files.Get(ctx, c, n.Name, args[0], args[1])
			})
		},
	}
	cmd.Flags().DurationVar(&f.timeout, "timeout", time.Hour, "for each node, 0 for none")
	return cmd
}

// onEach does a job on the selected nodes.
func (a *app) onEach(ctx context.Context, f *fleetFlags, sets []string, job fleet.Job) error {
	nodes, dialer, err := a.selected(f, sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	return a.onNodes(ctx, f, nodes, dialer, job)
}

// onNodes does a job on nodes and tells how it ended, with nothing to print of each but that.
func (a *app) onNodes(ctx context.Context, f *fleetFlags, nodes []fleet.Node, dialer transport.Dialer, job fleet.Job) error {
	if _, err := nodeset.Share(f.minOK, len(nodes)); err != nil {
		return fmt.Errorf("--min-ok %w", err)
	}
	ctx, end := interruptible(ctx)
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: f.timeout, Ended: func(r *fleet.Result) {
		if !a.flags.json {
			return
		}
		if err := json.NewEncoder(a.stdout).Encode(nodeObject(r)); err != nil {
			fmt.Fprintf(a.stderr, "apply: %v\n", err)
		}
	}}, job)
	return errors.Join(a.finish(f, results, end()), a.summary(results))
}
