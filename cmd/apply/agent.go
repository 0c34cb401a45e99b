package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/transport"
)

// agentCommand is a node's service that runs what operators have signed.
func (a *app) agentCommand() *cobra.Command {
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
			ctx, end := stoppable(cmd.Context())
			defer end()
			o.Log = a.stderr
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
			_, err = fmt.Fprint(a.stdout, agent.Unit(program, o))
			return err
		},
	}
	for _, c := range []*cobra.Command{serve, unit} {
		c.Flags().StringVar(&o.Listen, "listen", fmt.Sprintf(":%d", agent.DefaultPort), "`address` to listen on, as HOST:PORT")
		c.Flags().StringVar(&o.Audit, "audit", agent.DefaultAudit, "`file` to which every command is appended")
	}
	join := &cobra.Command{
		Use: "join", Short: "Take a certificate from a seat", Args: cobra.NoArgs, Hidden: true, // for fleet enroll
		RunE: func(*cobra.Command, []string) error { return agent.Join(o.Dir, a.stdin, a.stdout) },
	}
	dismiss := &cobra.Command{
		Use: "dismiss KEY...", Short: "Take operators away", Args: cobra.MinimumNArgs(1), Hidden: true, // for fleet revoke
		RunE: func(_ *cobra.Command, keys []string) error {
			_, err := agent.Dismiss(o.Dir, keys)
			return err
		},
	}
	for _, c := range []*cobra.Command{serve, unit, join, dismiss} {
		c.Flags().StringVar(&o.Dir, "dir", agent.DefaultDir, "`folder` of the agent's key and of who is allowed")
	}
	cmd.AddCommand(serve, unit, join, dismiss)
	return cmd
}

// agentFlags say when commands go by agents.
type agentFlags struct {
	use  bool
	port int
}

// mixed is the Dialer that reaches some nodes by their agents.
type mixed struct {
	transport.Dialer
	agents *agent.Dialer
	by     map[string]bool
}

// Dial reaches a node by its agent, or else by ssh.
func (d *mixed) Dial(ctx context.Context, t transport.Target) (transport.Conn, error) {
	if d.by[t.Name] {
		return d.agents.Dial(ctx, t)
	}
	return d.Dialer.Dial(ctx, t)
}

// byAgent makes a dialer speak with the agents of those nodes for which the flag or the inventory says so.
func (a *app) byAgent(ctx context.Context, f *fleetFlags, g *agentFlags, nodes []fleet.Node, d transport.Dialer) (transport.Dialer, error) {
	by := map[string]bool{}
	for _, n := range nodes {
		if g.use || n.Agent {
			by[n.Name] = true
		}
	}
	if len(by) == 0 {
		return d, nil
	}
	client, ok := d.(transport.SSH)
	if !ok {
		return nil, errors.New("--agent: not with --connector")
	}
	authority, err := a.agentAuthority(ctx)
	if err != nil {
		return nil, err
	}
	keys, told := client.Signers(ctx)
	agents := &agent.Dialer{
		Connect: func(ctx context.Context, t transport.Target, port int) (net.Conn, error) {
			return client.Connect(ctx, t, port)
		},
		Port: g.port, Keys: keys, Told: told, Timeout: f.connectTimeout,
	}
	return &mixed{d, agents, by}, agents.Open(authority)
}

// agentAuthority is this seat's, which is made where there is none.
func (a *app) agentAuthority(ctx context.Context) (*pki.Authority, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return pki.OpenAuthority(ctx, filepath.Join(dir, "fleet", "agents"), time.Now)
}

func (a *app) fleetEnrollCommand(f *fleetFlags) *cobra.Command {
	var operators []string
	var start bool
	cmd := &cobra.Command{
		Use:   "enroll [SET...]",
		Short: "Let nodes' agents know this seat and its operators, over ssh",
		Long: `Let nodes' agents know this seat and its operators, over ssh. A node that has no program of the name apply gets this one as /usr/local/bin/apply. It makes a key,
which does not leave it, and gets a certificate of this seat for it (a year; enrolling again makes a new one). The operators' public keys are added to
/etc/apply/agent/allowed_signers. Agents stay off but with --start.`,
		Example: "  apply fleet enroll --on gluster --start\n  apply fleet enroll -w n01 --operator ~/.ssh/id_ed25519.pub",
		RunE: func(cmd *cobra.Command, sets []string) error {
			lines, err := a.operatorLines(cmd.Context(), f, operators)
			if err != nil {
				return err
			}
			authority, err := a.agentAuthority(cmd.Context())
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return a.onEach(cmd.Context(), f, sets, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
				return transport.Exit{}, enroll(ctx, c, n.Name, self, authority, lines, start)
			})
		},
	}
	cmd.Flags().StringArrayVar(&operators, "operator", nil, "public key `FILE` of an operator; may repeat (default: the keys with which this seat logs in)")
	cmd.Flags().BoolVar(&start, "start", false, "install the agent's unit and start it")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "for each node, 0 for none")
	return cmd
}

// operatorLines are the allowed signers that are to be added.
func (a *app) operatorLines(ctx context.Context, f *fleetFlags, files []string) ([]string, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	var publics []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		publics = append(publics, string(text))
	}
	if len(files) == 0 {
		inv, err := a.inventory(f)
		if err != nil {
			return nil, err
		}
		d, err := a.dialer(f, inv)
		if err != nil {
			return nil, err
		}
		defer d.Close()
		client, ok := d.(transport.SSH)
		if !ok {
			return nil, errors.New("which operators? give their public keys by --operator")
		}
		keys, told := client.Signers(ctx)
		for _, k := range keys {
			if _, isCertificate := k.PublicKey().(*ssh.Certificate); !isCertificate {
				publics = append(publics, string(ssh.MarshalAuthorizedKey(k.PublicKey())))
			}
		}
		if len(publics) == 0 {
			return nil, fmt.Errorf("no key to sign commands with (%s): give operators' public keys by --operator", strings.Join(told, ", "))
		}
	}
	lines := make([]string, len(publics))
	for i, p := range publics {
		if lines[i], err = agent.OperatorLine(me.Username+"@"+host, p); err != nil {
			return nil, err
		}
	}
	return lines, nil
}
