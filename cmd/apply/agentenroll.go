package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
)

func (a *app) fleetRevokeCommand(f *fleetFlags) *cobra.Command {
	var operators []string
	cmd := &cobra.Command{
		Use:   "revoke [SET...]",
		Short: "Believe nodes' agents no more, or take operators away from them",
		Long: `Believe nodes' agents no more until they are enrolled again: this seat refuses their certificates from now on. With --operator it takes operators' keys away from
the nodes instead, over ssh: their commands are refused from the next one on.`,
		Example: "  apply fleet revoke -w n07\n  apply fleet revoke --on gluster --operator alice.pub",
		RunE: func(cmd *cobra.Command, sets []string) error {
			if len(operators) > 0 {
				return a.dismiss(cmd.Context(), f, sets, operators)
			}
			nodes, dialer, err := a.selected(f, sets)
			if err != nil {
				return err
			}
			defer dialer.Close()
			authority, err := a.agentAuthority(cmd.Context())
			if err != nil {
				return err
			}
			for _, n := range nodes {
				if err := authority.Revoke(cmd.Context(), n.Name); err != nil {
					return err
				}
				fmt.Fprintf(a.stderr, "%s: revoked\n", n.Name)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&operators, "operator", nil, "public key `FILE` of an operator who is to be taken away; may repeat")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "for each node, 0 for none")
	return cmd
}

// dismiss takes operators away from nodes.
func (a *app) dismiss(ctx context.Context, f *fleetFlags, sets, files []string) error {
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
	return a.onEach(ctx, f, sets, func(ctx context.Context, _ fleet.Node, c transport.Conn) (transport.Exit, error) {
		_, err := must(ctx, c, transport.Command{Line: transport.Line(line)})
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

// enroll brings a node the program and a certificate, and starts its agent where that is wanted.
func enroll(ctx context.Context, c transport.Conn, node, self string, authority *pki.Authority, operators []string, start bool) error {
	program, err := remoteProgram(ctx, c, self)
	if err != nil {
		return err
	}
	if err := agent.Enroll(ctx, c, node, transport.Line([]string{program, "agent", "join"}), authority, operators); err != nil || !start {
		return err
	}
	_, err = must(ctx, c, transport.Command{Line: transport.Line([]string{"sh", "-c", startLine, "start", program})})
	return err
}

func remoteProgram(ctx context.Context, c transport.Conn, self string) (string, error) {
	out := output.NewCapture(1)
	exit, err := c.Run(ctx, transport.Command{Line: transport.Line([]string{"sh", "-c", programLine}), Stdout: out})
	if err != nil || exit.Code == 0 {
		return strings.TrimSpace(string(out.Bytes())), err
	}
	f, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return must(ctx, c, transport.Command{Line: transport.Line([]string{"sh", "-c", installLine}), Stdin: f})
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
