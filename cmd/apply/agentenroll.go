package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
)

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
