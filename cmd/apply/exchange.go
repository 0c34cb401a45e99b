package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/operate"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/facts"
)

// lookTimeout is how long an exchange may take to say what stands in it.
const lookTimeout = 30 * time.Second

// stoppable ends a context by SIGINT or SIGTERM.
func stoppable(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}

// session is this node's part in the exchange that the flags name.
func (a *app) session(known *facts.Set) (*session.Session, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	if err := connect.Check(a.flags.exchange, a.flags.deployment); err != nil {
		return nil, err
	}
	for _, g := range a.flags.groups {
		if err := name.Group(g); err != nil {
			return nil, fmt.Errorf("--group: %w", err)
		}
	}
	s := session.New(session.Options{
		URL: a.flags.exchange, Credentials: a.flags.credentials, StateDir: state, Deployment: a.flags.deployment,
		Identify: func(ctx context.Context) (exchange.Identity, error) { return a.identify(ctx, known) },
		Warn:     a.warnOf,
	})
	a.atEnd = append(a.atEnd, s.Close)
	return s, nil
}

func (a *app) warnOf(text string) { fmt.Fprintf(a.stderr, "apply: warning: %s\n", text) }

// identify says who this node is to the others: its name is fact.hostname, whoever gives that.
func (a *app) identify(ctx context.Context, known *facts.Set) (exchange.Identity, error) {
	id, err := session.ThisMachine()
	if err != nil {
		return id, err
	}
	id.Groups = a.flags.groups
	if v, ok, err := known.Lookup(ctx, "hostname"); err == nil && ok {
		if name, ok := v.(string); ok && name != "" {
			id.Node = name
		}
	}
	if v, ok, err := known.Lookup(ctx, "ip"); err == nil && ok {
		if ip, ok := v.(string); ok && ip != "" {
			id.Address += " " + ip
		}
	}
	return id, nil
}

// exchangeCommand is what an exchange's operator does.
func (a *app) exchangeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exchange",
		Short: "Where nodes exchange facts: serve one, let nodes in, look at it",
		Example: `  apply exchange serve --listen :7654
  apply exchange enroll node01 --out node01
  apply exchange nodes --exchange https://boss:7654`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.serveCommand(), a.unitCommand(), a.enrollCommand(), a.revokeCommand(), a.tokenCommand(), a.partCommand())
	cmd.AddCommand(a.lookCommands()...)
	return cmd
}

// serverFlags adds the flags that say where an embedded exchange is.
func serverFlags(cmd *cobra.Command, o *server.Options, listens bool) {
	cmd.Flags().StringVar(&o.Data, "data", server.DefaultData, "`folder` of the exchange's data and its authority")
	if listens {
		cmd.Flags().StringVar(&o.Listen, "listen", server.DefaultListen, "`address` to listen on, as HOST:PORT")
		cmd.Flags().StringSliceVar(&o.Hosts, "host", nil, "a further `name` or address of this machine in the certificate; may repeat")
	}
}

func (a *app) serveCommand() *cobra.Command {
	var o server.Options
	cmd := &cobra.Command{
		Use: "serve", Short: "Run an exchange until it is interrupted", Args: cobra.NoArgs,
		Example: "  apply exchange serve --listen :7654 --data /var/lib/apply/exchange",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Log, err = a.logger(); err != nil {
				return err
			}
			ctx, end := stoppable(cmd.Context())
			defer end()
			return server.Serve(ctx, o)
		},
	}
	serverFlags(cmd, &o, true)
	return cmd
}

func (a *app) unitCommand() *cobra.Command {
	var o server.Options
	cmd := &cobra.Command{
		Use: "unit", Short: "Print a systemd unit that runs an exchange", Args: cobra.NoArgs,
		Example: "  apply exchange unit > /etc/systemd/system/apply-exchange.service",
		RunE: func(*cobra.Command, []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			if o.Data, err = filepath.Abs(o.Data); err != nil {
				return err
			}
			_, err = fmt.Fprint(a.stdout, server.Unit(program, o))
			return err
		},
	}
	serverFlags(cmd, &o, true)
	return cmd
}

func (a *app) enrollCommand() *cobra.Command {
	var o server.Options
	var out string
	var cluster bool
	cmd := &cobra.Command{
		Use: "enroll NODE", Short: "Let a node in: make its credentials", Args: cobra.ExactArgs(1),
		Long: `Let a node in. Without --etcd its certificate is made by the authority beside the exchange's data and written with its
key to the folder --out, which is copied to the node's /etc/apply/exchange. With --etcd the node's user and role are made in the
etcd cluster that --exchange names (as one of its administrators), or, without --exchange, the commands for that are printed.`,
		Example: "  apply exchange enroll node01 --out node01\n  apply exchange enroll node01 --etcd",
		RunE: func(cmd *cobra.Command, args []string) error {
			node := args[0]
			if out == "" {
				out = node
			}
			if !cluster {
				return operate.Enroll(cmd.Context(), o.Data, node, out)
			}
			return a.enrollEtcd(cmd, node, out)
		},
	}
	serverFlags(cmd, &o, false)
	a.flags.shared(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "`folder` for ca.pem, node.pem and node.key (default: the node's name)")
	cmd.Flags().BoolVar(&cluster, "etcd", false, "a user and a role of an etcd cluster")
	return cmd
}

func (a *app) enrollEtcd(cmd *cobra.Command, node, out string) error {
	e := etcd.Enrollment{Node: node}
	if a.flags.deployment != "" {
		e.Deployments = []string{a.flags.deployment}
	}
	if a.flags.exchange == "" {
		return operate.EnrollEtcd(cmd.Context(), a.stdout, nil, e, "")
	}
	conn, err := a.exchangeOf(cmd.Context())
	if err != nil {
		return err
	}
	return errors.Join(operate.EnrollEtcd(cmd.Context(), a.stdout, conn, e, out), conn.Close())
}

func (a *app) revokeCommand() *cobra.Command {
	var o server.Options
	cmd := &cobra.Command{
		Use: "revoke NODE", Short: "Put a node out: its certificates count no longer", Args: cobra.ExactArgs(1),
		Example: "  apply exchange revoke node01",
		RunE:    func(cmd *cobra.Command, args []string) error { return operate.Revoke(cmd.Context(), o.Data, args[0]) },
	}
	serverFlags(cmd, &o, false)
	return cmd
}

func (a *app) tokenCommand() *cobra.Command {
	var o server.Options
	cmd := &cobra.Command{
		Use: "token", Short: "Make a bearer token for the HTTP face and print it", Args: cobra.NoArgs,
		Example: "  apply exchange token",
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := operate.Token(cmd.Context(), o.Data)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, token)
			return err
		},
	}
	serverFlags(cmd, &o, false)
	return cmd
}

// lookCommands show what stands in an exchange, on every driver.
func (a *app) lookCommands() []*cobra.Command {
	look := func(c *cobra.Command, do func(ctx context.Context, x *exchange.Exchange, args []string) error) *cobra.Command {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			ctx, end := stoppable(cmd.Context())
			defer end()
			conn, err := a.exchangeOf(ctx)
			if err != nil {
				return err
			}
			return errors.Join(do(ctx, conn.Exchange, args), conn.Close())
		}
		a.flags.shared(c.Flags())
		return c
	}
	within := func(do func(ctx context.Context, x *exchange.Exchange, args []string) error) func(context.Context, *exchange.Exchange, []string) error {
		return func(ctx context.Context, x *exchange.Exchange, args []string) error {
			ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("timed out after %v", lookTimeout))
			defer cancel()
			return do(ctx, x, args)
		}
	}
	return []*cobra.Command{
		look(&cobra.Command{Use: "nodes", Short: "Print the nodes: their runs, and what they wait for", Args: cobra.NoArgs, Example: "  apply exchange nodes"},
			within(func(ctx context.Context, x *exchange.Exchange, _ []string) error {
				return operate.Nodes(ctx, a.stdout, x, a.flags.json)
			})),
		look(&cobra.Command{Use: "facts NODE", Short: "Print the facts that a node has exported", Args: cobra.ExactArgs(1), Example: "  apply exchange facts node01"},
			within(func(ctx context.Context, x *exchange.Exchange, args []string) error {
				return operate.Facts(ctx, a.stdout, x, args[0], a.flags.json)
			})),
		look(&cobra.Command{Use: "watch", Short: "Print what changes, until it is interrupted", Args: cobra.NoArgs, Example: "  apply exchange watch --json"},
			func(ctx context.Context, x *exchange.Exchange, _ []string) error {
				return operate.Watch(ctx, a.stdout, x, a.flags.json)
			}),
	}
}

// exchangeOf opens the exchange that the flags name, to look at it.
func (a *app) exchangeOf(ctx context.Context) (*connect.Connection, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	if a.flags.credentials == "" {
		a.flags.credentials = pki.DefaultDir
	}
	return connect.Open(ctx, a.flags.exchange, connect.Options{
		CredentialsDir: a.flags.credentials, StateDir: state, Deployment: a.flags.deployment, Warn: a.warnOf,
	})
}
