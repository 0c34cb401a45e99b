package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
)

// authorityOf is this seat's, which is made where there is none.
func authorityOf(ctx context.Context, s *selection.Nodes) (*pki.Authority, error) {
	dir, err := s.StateDir()
	if err != nil {
		return nil, err
	}
	return pki.OpenAuthority(ctx, filepath.Join(dir, "fleet", "agents"), time.Now)
}

// EnrollCommand is apply fleet enroll.
func EnrollCommand(s *selection.Nodes) *cobra.Command {
	var operators []string
	var e enrollment
	cmd := &cobra.Command{
		Use:   "enroll [SET...]",
		Short: "Let nodes' agents know this seat and its operators, over ssh",
		Long: `Let nodes' agents know this seat and its operators, over ssh. A node that has no program of the name apply gets this one as /usr/local/bin/apply. It makes a key,
which does not leave it, and gets a certificate of this seat for it (a year; enrolling again makes a new one). The operators' public keys are added to
/etc/apply/agent/allowed_signers. Agents stay off but with --start.`,
		Example: "  apply fleet enroll --on gluster --start\n  apply fleet enroll -w n01 --operator ~/.ssh/id_ed25519.pub",
		RunE: func(cmd *cobra.Command, sets []string) error {
			var err error
			if e.operators, err = operatorLines(cmd.Context(), s, operators); err != nil {
				return err
			}
			if e.authority, err = authorityOf(cmd.Context(), s); err != nil {
				return err
			}
			if e.program, err = os.Executable(); err != nil {
				return err
			}
			return s.Each(cmd.Context(), sets, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
				return transport.Exit{}, e.enroll(ctx, c, n.Name)
			})
		},
	}
	cmd.Flags().StringArrayVar(&operators, "operator", nil, "public key `FILE` of an operator; may repeat (default: the keys with which this seat logs in)")
	cmd.Flags().BoolVar(&e.start, "start", false, "install the agent's unit and start it")
	s.AddTimeout(cmd, 5*time.Minute, "for each node, 0 for none")
	return cmd
}

// operatorLines are the allowed signers that are to be added.
func operatorLines(ctx context.Context, s *selection.Nodes, files []string) ([]string, error) {
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
		inv, err := s.Inventory()
		if err != nil {
			return nil, err
		}
		d, err := s.Dialer(inv)
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

// RevokeCommand is apply fleet revoke.
func RevokeCommand(s *selection.Nodes) *cobra.Command {
	var operators []string
	cmd := &cobra.Command{
		Use:   "revoke [SET...]",
		Short: "No longer trust nodes' agents, or remove operators from them",
		Long: `Believe nodes' agents no more until they are enrolled again: this seat refuses their certificates from now on. With --operator it takes operators' keys away from
the nodes instead, over ssh: their commands are refused from the next one on. A node that was never enrolled from here ends it with 4.`,
		Example: "  apply fleet revoke -w n07\n  apply fleet revoke --on gluster --operator alice.pub",
		RunE: func(cmd *cobra.Command, sets []string) error {
			if len(operators) > 0 {
				return dismiss(cmd.Context(), s, sets, operators)
			}
			nodes, dialer, err := s.Selected(sets)
			if err != nil {
				return err
			}
			defer dialer.Close()
			authority, err := authorityOf(cmd.Context(), s)
			if err != nil {
				return err
			}
			known, err := authority.Known()
			if err != nil {
				return err
			}
			var results []*fleet.Result
			for _, n := range nodes {
				if err := authority.Revoke(cmd.Context(), n.Name); err != nil {
					return err
				}
				r, said := &fleet.Result{Node: n.Name, Outcome: fleet.OK}, "revoked"
				if !slices.Contains(known, n.Name) { // most likely another name was meant
					said, s.Code = "revoked, though it was never enrolled from here", cli.Failed
					r.Outcome, r.Err = fleet.Failed, errors.New(said)
				}
				if results = append(results, r); !s.JSON {
					fmt.Fprintf(s.Stderr, "%s: %s\n", n.Name, said)
				}
				s.Ended(r)
			}
			if s.JSON {
				return s.Summary(results)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&operators, "operator", nil, "public key `FILE` of an operator who is to be taken away; may repeat")
	s.AddTimeout(cmd, 5*time.Minute, "for each node, 0 for none")
	return cmd
}

// dismiss takes operators away from nodes.
func dismiss(ctx context.Context, s *selection.Nodes, sets, files []string) error {
	line := []string{"apply", "agent", "dismiss"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := agent.OperatorLine("operator", string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		line = append(line, strings.TrimSpace(string(text)))
	}
	return s.Each(ctx, sets, func(ctx context.Context, _ fleet.Node, c transport.Conn) (transport.Exit, error) {
		_, err := must(ctx, c, transport.Command{Line: shell.Line(line), Script: true})
		return transport.Exit{}, err
	})
}

// programLine prints where a node has this program, else installs what comes.
const (
	programLine = `p=$(command -v apply) && "$p" agent --help >/dev/null 2>&1 && readlink -f -- "$p" || exit 44`
	installLine = `set -eu; umask 022; mkdir -p /usr/local/bin; t=$(mktemp /usr/local/bin/.apply.XXXXXXXXXX); trap 'rm -f -- "$t"' EXIT
cat >"$t"; chmod 755 "$t"; "$t" version >/dev/null; mv -fT -- "$t" /usr/local/bin/apply; echo /usr/local/bin/apply`
	startLine = `set -eu; umask 022; "$1" agent unit >/etc/systemd/system/apply-agent.service
systemctl daemon-reload; systemctl enable apply-agent; systemctl restart apply-agent`
)

// enrollment is what all nodes get that are enrolled together.
type enrollment struct {
	program   string // this one, for nodes that have none
	authority *pki.Authority
	operators []string // allowed signers
	start     bool     // the agents too
}

// enroll brings a node the program and a certificate, and starts its agent where that is wanted.
func (e *enrollment) enroll(ctx context.Context, c transport.Conn, node string) error {
	program, err := remoteProgram(ctx, c, e.program)
	if err != nil {
		return err
	}
	if err := agent.Enroll(ctx, c, node, shell.Line([]string{program, "agent", "join"}), e.authority, e.operators); err != nil {
		return err
	}
	if err := e.authority.Know(ctx, node); err != nil || !e.start {
		return err
	}
	_, err = must(ctx, c, transport.Command{Line: shell.Line([]string{"sh", "-c", startLine, "start", program}), Script: true})
	return err
}

// remoteProgram is where a node has this program, which it is given where it has none.
func remoteProgram(ctx context.Context, c transport.Conn, self string) (string, error) {
	out := output.NewCapture(1)
	exit, err := c.Run(ctx, transport.Command{Line: shell.Line([]string{"sh", "-c", programLine}), Script: true, Stdout: out})
	if err != nil || exit.Code == 0 {
		return strings.TrimSpace(string(out.Bytes())), err
	}
	f, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return must(ctx, c, transport.Command{Line: shell.Line([]string{"sh", "-c", installLine}), Script: true, Stdin: f})
}

// must runs a command of which a code other than 0 is an error, and returns what it printed.
func must(ctx context.Context, c transport.Conn, cmd transport.Command) (string, error) {
	out, messages := output.NewCapture(1), output.NewCapture(1)
	cmd.Stdout, cmd.Stderr = out, messages
	exit, err := c.Run(ctx, cmd)
	if err == nil && exit.Code != 0 {
		err = &fleet.JobError{Err: fmt.Errorf("exit code %d: %.300s", exit.Code, strings.TrimSpace(string(messages.Bytes())))}
	}
	return strings.TrimSpace(string(out.Bytes())), err
}
