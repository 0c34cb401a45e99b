// Package exchange has the commands of who runs an exchange, and of who wants to know what stands in it.
package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/operate"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/resources/nearest"
	"github.com/nodeapply/apply/scratch"
)

// lookTimeout is how long an exchange may take to say what stands in it.
const lookTimeout = 30 * time.Second

// Command is what an exchange's operator does.
func Command(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exchange",
		Short: "Where nodes exchange facts: serve an exchange, admit nodes, look at it",
		Example: `  apply exchange serve --listen :7654
  apply exchange enroll node01 --out node01
  apply exchange nodes --exchange https://boss:7654`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(serveCommand(a), unitCommand(a), enrollCommand(a), revokeCommand(a), forgetCommand(a), tokenCommand(a), planCommand(a))
	cmd.AddCommand(lookCommands(a)...)
	return cmd
}

// oneNode accepts exactly one argument.
func oneNode(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage.Error(cmd, fmt.Errorf("one NODE is wanted, got %d", len(args)))
	}
	return nil
}

// done says what was done: as text, or as an object.
func done(a *cli.App, object map[string]any, text string) error {
	if a.JSON {
		return a.PrintJSON(object)
	}
	_, err := fmt.Fprintln(a.Stdout, text)
	return err
}

// serverFlags adds the flags that say where an embedded exchange is.
func serverFlags(cmd *cobra.Command, o *server.Options, listens bool) {
	cmd.Flags().StringVar(&o.Data, "data", server.DefaultData, "`FOLDER` of the exchange's data and its authority")
	if listens {
		cmd.Flags().StringVar(&o.Listen, "listen", server.DefaultListen, "`ADDRESS` to listen on, as HOST:PORT")
		cmd.Flags().StringSliceVar(&o.Hosts, "host", nil, "a further `NAME` or address of this machine in the certificate; may repeat")
	}
}

func serveCommand(a *cli.App) *cobra.Command {
	var o server.Options
	cmd := &cobra.Command{
		Use: "serve", Short: "Run an exchange until it is interrupted", Args: cobra.NoArgs,
		Example: "  apply exchange serve --listen :7654 --data /var/lib/apply/exchange",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = a.Logger()
			ctx, end := cli.Serving(cmd.Context())
			defer end()
			return server.Serve(ctx, o)
		},
	}
	serverFlags(cmd, &o, true)
	return cmd
}

func unitCommand(a *cli.App) *cobra.Command {
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
			return a.PrintUnit(server.Unit(program, o))
		},
	}
	serverFlags(cmd, &o, true)
	return cmd
}

func enrollCommand(a *cli.App) *cobra.Command {
	var x load.Exchange
	var o server.Options
	var out string
	var cluster bool
	cmd := &cobra.Command{
		Use: "enroll NODE", Short: "Admit a node: make its credentials", Args: oneNode,
		Long: `Admit a node. Without --etcd its certificate is made by the authority beside the exchange's data and written with its
key to the folder --out, which is copied to the node's /etc/apply/exchange. With --etcd the node's user and role are made in the
etcd cluster that --exchange names (as one of its administrators), or, without --exchange, the commands for that are printed.`,
		Example: "  apply exchange enroll node01 --out node01\n  apply exchange enroll node01 --etcd",
		RunE: func(cmd *cobra.Command, args []string) error {
			node := args[0]
			if out == "" {
				out = node
			}
			if cluster {
				return enrollEtcd(cmd.Context(), a, &x, node, out)
			}
			if err := operate.Enroll(cmd.Context(), o.Data, node, out); err != nil {
				return err
			}
			return enrolled(a, node, out)
		},
	}
	serverFlags(cmd, &o, false)
	x.AddFlags(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "`FOLDER` for ca.pem, node.pem and node.key (default: the node's name)")
	cmd.Flags().BoolVar(&cluster, "etcd", false, "a user and a role of an etcd cluster")
	return cmd
}

func enrollEtcd(ctx context.Context, a *cli.App, x *load.Exchange, node, out string) error {
	e := etcd.Enrollment{Node: node, Deployments: []string{cmp.Or(x.Deployment, exchange.DefaultDeployment)}}
	if x.URL == "" {
		commands, err := e.Commands()
		if err != nil {
			return err
		}
		return done(a, map[string]any{"event": "enroll", "node": node, "commands": commands}, strings.Join(commands, "\n"))
	}
	conn, err := x.Open(ctx, a)
	if err != nil {
		return err
	}
	if err := errors.Join(operate.EnrollEtcd(ctx, conn, e, out), conn.Close()); err != nil {
		return err
	}
	return enrolled(a, node, out)
}

// enrolled tells where a node's credentials are.
func enrolled(a *cli.App, node, folder string) error {
	return done(a, map[string]any{"event": "enroll", "node": node, "folder": folder}, fmt.Sprintf("%s: its credentials are in %s, which belongs in its /etc/apply/exchange", node, folder))
}

func revokeCommand(a *cli.App) *cobra.Command {
	var x load.Exchange
	var o server.Options
	var cluster bool
	cmd := &cobra.Command{
		Use: "revoke NODE", Short: "Exclude a node: its credentials are no longer accepted", Args: oneNode,
		Long: `Exclude a node: its certificates are no longer accepted, until it is enrolled again. With --etcd the node's user and role are removed from the etcd cluster
that --exchange names (as one of its administrators), or, without --exchange, the commands for that are printed. What the node has written stays, and others go
by it, until it is forgotten (apply exchange forget NODE).`,
		Example: "  apply exchange revoke node01\n  apply exchange revoke node01 --etcd --exchange etcd://h1,h2,h3",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cluster || strings.HasPrefix(x.URL, "etcd://") {
				return revokeEtcd(cmd.Context(), a, &x, args[0])
			}
			err := operate.Revoke(cmd.Context(), o.Data, args[0])
			if stranger, ok := errors.AsType[*operate.StrangerError](err); ok {
				err = fmt.Errorf("%w%s", err, nearest.Hint(stranger.Node, stranger.Known))
			}
			if err != nil {
				return err
			}
			return revoked(a, args[0])
		},
	}
	serverFlags(cmd, &o, false)
	x.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&cluster, "etcd", false, "a user and a role of an etcd cluster")
	return cmd
}

func revokeEtcd(ctx context.Context, a *cli.App, x *load.Exchange, node string) error {
	if x.URL == "" {
		commands, err := etcd.ExpelCommands(node)
		if err != nil {
			return err
		}
		return done(a, map[string]any{"event": "revoke", "node": node, "commands": commands}, strings.Join(commands, "\n"))
	}
	conn, err := x.Open(ctx, a)
	if err != nil {
		return err
	}
	if err := errors.Join(operate.RevokeEtcd(ctx, conn, node), conn.Close()); err != nil {
		return err
	}
	return revoked(a, node)
}

// revoked tells what a node that was put out has left.
func revoked(a *cli.App, node string) error {
	return done(a, map[string]any{"event": "revoke", "node": node}, node+": revoked; what it has written counts until apply exchange forget "+node)
}

func forgetCommand(a *cli.App) *cobra.Command {
	var x load.Exchange
	var o server.Options
	cmd := &cobra.Command{
		Use: "forget NODE", Short: "Remove what a node that is gone has written: nobody waits for it any more", Args: oneNode,
		Long: `Remove what a node that is gone has written in a deployment: its groups, by which others would wait for it, and its facts. A node whose run is seen is not gone.
It is to be run beside the exchange's data, whose server it asks, or with --exchange etcd://... by one of etcd's administrators. A node that is to stay away is put out by revoke.`,
		Example: "  apply exchange forget node07\n  apply exchange forget node07 --deployment next --exchange etcd://h1,h2,h3",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), lookTimeout, fmt.Errorf("timed out after %v", lookTimeout))
			defer cancel()
			if err := forget(ctx, a, &x, o.Data, args[0]); err != nil {
				return err
			}
			deployment := cmp.Or(x.Deployment, exchange.DefaultDeployment)
			return done(a, map[string]any{"event": "forget", "node": args[0], "deployment": deployment}, args[0]+": forgotten in deployment "+deployment)
		},
	}
	serverFlags(cmd, &o, false)
	x.AddFlags(cmd.Flags())
	return cmd
}

func forget(ctx context.Context, a *cli.App, x *load.Exchange, data, node string) error {
	if !strings.HasPrefix(x.URL, "etcd://") {
		url := x.URL
		if url == "" {
			var err error
			if url, err = server.URL(data); err != nil {
				return err
			}
		}
		folder, err := scratch.Temp("apply-forget")
		if err != nil {
			return err
		}
		err = operate.Forget(ctx, data, url, x.Deployment, node, filepath.Join(folder.Dir, "credentials"))
		return errors.Join(err, folder.Close())
	}
	conn, err := x.Open(ctx, a)
	if err != nil {
		return err
	}
	return errors.Join(conn.Forget(ctx, node), conn.Close())
}

func tokenCommand(a *cli.App) *cobra.Command {
	var o server.Options
	cmd := &cobra.Command{
		Use: "token", Short: "Make a bearer token for those who look at the exchange by HTTP, and print it", Args: cobra.NoArgs,
		Long: `Make a bearer token for those who look at the exchange by HTTP, and print it. It is asked for by the page at https://HOST:7654/, and by GET /v1/nodes,
GET /v1/nodes/NODE/facts/FACT?wait=60s (202 as long as the fact is not there), GET /v1/events (server-sent) and PUT /v1/params/NAME.
It holds until authority/tokens.json in the data folder is removed, which takes back all of them.`,
		Example: `  apply exchange token
  curl --cacert ca.pem -H "Authorization: Bearer $TOKEN" https://boss:7654/v1/nodes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := operate.Token(cmd.Context(), o.Data)
			if err != nil {
				return err
			}
			return done(a, map[string]any{"event": "token", "token": token}, token)
		},
	}
	serverFlags(cmd, &o, false)
	return cmd
}

// lookCommands show what stands in an exchange, on every driver.
func lookCommands(a *cli.App) []*cobra.Command {
	var at load.Exchange
	look := func(c *cobra.Command, do func(ctx context.Context, x *exchange.Exchange, args []string) error) *cobra.Command {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			ctx, end := cli.Serving(cmd.Context())
			defer end()
			conn, err := at.Open(ctx, a)
			if err != nil {
				return err
			}
			return errors.Join(do(ctx, conn.Exchange, args), conn.Close())
		}
		at.AddFlags(c.Flags())
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
				return printNodes(ctx, a.Stdout, x, a.JSON)
			})),
		look(&cobra.Command{Use: "facts NODE", Short: "Print the facts that a node has exported", Args: oneNode, Example: "  apply exchange facts node01"},
			within(func(ctx context.Context, x *exchange.Exchange, args []string) error {
				return printFacts(ctx, a.Stdout, x, args[0], a.JSON)
			})),
		look(&cobra.Command{Use: "watch", Short: "Print what changes, until it is interrupted", Args: cobra.NoArgs, Example: "  apply exchange watch --json"},
			func(ctx context.Context, x *exchange.Exchange, _ []string) error {
				return printChanges(ctx, a.Stdout, x, a.JSON)
			}),
	}
}
