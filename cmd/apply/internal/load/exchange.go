package load

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/facts"
)

// Exchange says in which exchange facts meet.
type Exchange struct {
	URL         string
	Credentials string // folder
	Deployment  string
	Groups      []string // that this node is in
}

// AddFlags adds the flags.
func (x *Exchange) AddFlags(s *pflag.FlagSet) {
	s.StringVar(&x.URL, "exchange", "", "where nodes exchange facts, a `URL` such as https://HOST:7654 or etcd://HOST1,HOST2 (default: nowhere, this node is alone)")
	s.StringVar(&x.Credentials, "exchange-credentials", "", "`FOLDER` of ca.pem, node.pem and node.key (default /etc/apply/exchange)")
	s.StringVar(&x.Deployment, "deployment", "", "`NAME` under which facts are exchanged, so that another's are not seen (default \"default\")")
}

// Args are the flags for another command of this program, started elsewhere. A password is not among them, which all could read.
func (x *Exchange) Args() ([]string, error) {
	var args []string
	if x.URL != "" && !strings.Contains(x.URL, "@") {
		args = append(args, "--exchange="+x.URL)
	}
	if x.Credentials != "" {
		dir, err := filepath.Abs(x.Credentials)
		if err != nil {
			return nil, err
		}
		args = append(args, "--exchange-credentials="+dir)
	}
	if x.Deployment != "" {
		args = append(args, "--deployment="+x.Deployment)
	}
	return args, nil
}

// Session is this node's part in the exchange, which ends with the command. What the flags say is checked; nothing is connected as yet.
func (x *Exchange) Session(a *cli.App, known *facts.Set) (*session.Session, error) {
	state, err := a.StateDir()
	if err != nil {
		return nil, err
	}
	if err := connect.Check(x.URL, x.Deployment); err != nil {
		return nil, err
	}
	for _, g := range x.Groups {
		if err := name.Group(g); err != nil {
			return nil, fmt.Errorf("--group: %w", err)
		}
	}
	s := session.New(session.Options{
		URL: x.URL, Credentials: x.Credentials, StateDir: state, Deployment: x.Deployment,
		Identify: func(ctx context.Context) (exchange.Identity, error) { return x.Identify(ctx, known) },
		Warn:     warner(a),
	})
	a.AtEnd(s.Close)
	return s, nil
}

// warner tells what an exchange warns of, as it comes.
func warner(a *cli.App) func(string) {
	return func(text string) { fmt.Fprintf(a.Stderr, "apply: warning: %s\n", text) }
}

// Identify says who this node is to the others: its name is fact.hostname, whoever gives that but the node itself, by an export.
func (x *Exchange) Identify(ctx context.Context, known *facts.Set) (exchange.Identity, error) {
	id, err := session.ThisMachine()
	if err != nil {
		return id, err
	}
	id.Groups = x.Groups
	if v, ok, err := known.LookupUnexported(ctx, "hostname"); err == nil && ok {
		if name, ok := v.(string); ok && name != "" {
			id.Node = name
		}
	}
	if v, ok, err := known.LookupUnexported(ctx, "ip"); err == nil && ok {
		if ip, ok := v.(string); ok && ip != "" {
			id.Address += " " + ip
		}
	}
	return id, nil
}

// Name is this node's in reports, "" where it has none: that by which others know it. External facts, which may be programs, are asked only where it
// exchanges facts with others.
func (x *Exchange) Name(ctx context.Context, known *facts.Set) string {
	given, _ := known.Given("hostname")
	if name, ok := given.(string); ok && name != "" {
		return name
	}
	id, err := session.ThisMachine()
	if x.URL != "" {
		id, err = x.Identify(ctx, known)
	}
	if err != nil {
		return ""
	}
	return id.Node
}

// Open connects to the exchange, to look at it.
func (x *Exchange) Open(ctx context.Context, a *cli.App) (*connect.Connection, error) {
	state, err := a.StateDir()
	if err != nil {
		return nil, err
	}
	credentials := x.Credentials
	if credentials == "" {
		credentials = pki.DefaultDir
	}
	return connect.Open(ctx, x.URL, connect.Options{CredentialsDir: credentials, StateDir: state, Deployment: x.Deployment, Warn: warner(a)})
}
