// Package agent has the commands of the service that takes the place of ssh on a node: those on the node, those that enroll it, and how others go by it.
package agent

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/fleet/agent"
)

// Command is a node's service that runs what operators have signed.
func Command(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run commands that a fleet's operators have signed, without ssh (off by default)",
		Long: `Run commands that a fleet's operators have signed, as a service of this node. It is off until its unit is started.

The node is enrolled from its seat, over ssh: apply fleet enroll. Who connects shows a certificate of that seat; each command is signed by an ssh key that
/etc/apply/agent/allowed_signers allows (ssh-keygen(1), ALLOWED SIGNERS; namespace apply-agent), for this node and this minute, and counts once. All of them are
written to the audit before they begin.`,
		Example: "  apply agent unit > /etc/systemd/system/apply-agent.service\n  apply agent serve --listen 10.0.0.7:7655",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var o agent.Options
	serve := &cobra.Command{
		Use: "serve", Short: "Run an agent until it is interrupted", Args: cobra.NoArgs, Example: "  apply agent serve",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, end := cli.Serving(cmd.Context())
			defer end()
			o.Log = a.Stderr
			return agent.Serve(ctx, o)
		},
	}
	unit := &cobra.Command{
		Use: "unit", Short: "Print a systemd unit that runs an agent", Args: cobra.NoArgs,
		Example: "  apply agent unit > /etc/systemd/system/apply-agent.service",
		RunE: func(*cobra.Command, []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			return a.PrintUnit(agent.Unit(program, o))
		},
	}
	for _, c := range []*cobra.Command{serve, unit} {
		c.Flags().StringVar(&o.Listen, "listen", fmt.Sprintf(":%d", agent.DefaultPort), "`ADDRESS` to listen on, as HOST:PORT")
		c.Flags().StringVar(&o.Audit, "audit", agent.DefaultAudit, "`FILE` to which every command is appended")
	}
	join := &cobra.Command{
		Use: "join", Short: "Take a certificate from a seat", Args: cobra.NoArgs, Hidden: true, // for fleet enroll
		RunE: func(*cobra.Command, []string) error { return agent.Join(o.Dir, a.Stdin, a.Stdout) },
	}
	dismiss := &cobra.Command{
		Use: "dismiss KEY...", Short: "Take operators away", Args: cobra.MinimumNArgs(1), Hidden: true, // for fleet revoke
		RunE: func(_ *cobra.Command, keys []string) error {
			_, err := agent.Dismiss(o.Dir, keys)
			return err
		},
	}
	for _, c := range []*cobra.Command{serve, unit, join, dismiss} {
		c.Flags().StringVar(&o.Dir, "dir", agent.DefaultDir, "`FOLDER` of the agent's key and of who is allowed")
	}
	cmd.AddCommand(serve, unit, join, dismiss)
	return cmd
}
