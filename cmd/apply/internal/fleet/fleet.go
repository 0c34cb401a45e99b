// Package fleet has the commands that work on many nodes from here.
package fleet

import (
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/agent"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/converge"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/fleet/relay"
)

// Command is apply fleet.
func Command(a *cli.App) *cobra.Command {
	s := selection.New(a)
	cmd := &cobra.Command{
		Use:   "fleet COMMAND",
		Short: "Work on many nodes from here",
		Long: `Work on many nodes from here, over ssh.

Nodes are selected by -w n[001-128], by groups (--on tokyo,gluster), by a file of names (-f), by $APPLY_NODES, or, where nothing is asked for, they are all of
the inventory: fleet.hcl in this folder, unless others can write there, else /etc/apply/fleet.hcl. In node sets a comma adds, ! takes away, & keeps what is in both, and
@NAME is a group.

Exit codes: 0 where all went well on every node (with --min-ok: on enough of them), 1 where nothing was begun, else the highest that a command ended with;
a node that was not reached, timed out, or was skipped counts as 4.`,
		Example: "  apply fleet exec -w 'n[01-32],!n07' -- uptime\n  apply fleet exec --on gluster -b -- uname -r\n  apply fleet nodes",
	}
	s.AddFlags(cmd.PersistentFlags())
	cmd.AddCommand(execCommand(s), putCommand(s), getCommand(s), diffCommand(s), nodesCommand(s), converge.Command(s), agent.EnrollCommand(s), agent.RevokeCommand(s))
	for _, c := range cmd.Commands() {
		before := c.PreRun
		c.PreRun = func(cmd *cobra.Command, args []string) {
			s.Command = cmd.Name()
			if before != nil {
				before(cmd, args)
			}
		}
	}
	return cmd
}

// RelayCommand is what the seat runs on nodes; nobody types it.
func RelayCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:    "relay",
		Short:  "Serve the seat of a fleet on standard input and output",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return relay.Serve(cmd.Context(), a.Stdin, a.Stdout, nil)
		},
	}
}
