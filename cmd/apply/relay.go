package main

import (
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet/relay"
)

// relayCommand is what the seat runs on nodes; nobody types it.
func (a *app) relayCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "relay",
		Short:  "Serve the seat of a fleet on standard input and output",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return relay.Serve(cmd.Context(), a.stdin, a.stdout, nil)
		},
	}
}
