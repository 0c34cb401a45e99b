package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/nodeset"
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
			bundle, err := files.NewBundle(args[:len(args)-1])
			if err != nil {
				return err
			}
			return a.onEach(cmd.Context(), f, nil, func(ctx context.Context, _ fleet.Node, c transport.Conn) (transport.Exit, error) {
				return transport.Exit{}, bundle.Put(ctx, c, args[len(args)-1])
			})
		},
	}
	cmd.Flags().DurationVar(&f.timeout, "timeout", time.Hour, "for each node, 0 for none")
	return cmd
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

// onEach does a job on the selected nodes and tells how it ended, with nothing to print of each but that.
func (a *app) onEach(ctx context.Context, f *fleetFlags, sets []string, job fleet.Job) error {
	nodes, dialer, err := a.selected(f, sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
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
