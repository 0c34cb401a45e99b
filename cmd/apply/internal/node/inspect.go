// Package node has the commands that tell what there is on this node: its facts, and the present state of its resources.
package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/manifest/inspect"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/resources/all"
)

// Commands are facts and inspect.
func Commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{factsCommand(a), inspectCommand(a)}
}

func inspectCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect TYPE[TITLE]...",
		Short: "Print the node's present state as a manifest whose plan is empty",
		Long: `Print the node's present state as a manifest whose plan is empty.

TYPE[TITLE], TYPE["TITLE"] and TYPE.TITLE are one resource. TYPE:WHAT is all that the node has of what it says: a pattern for names
(package:*, service:ssh*), a folder for file (file:/etc), a file for line (line:/etc/motd), a user for cron and authorized_key (cron:root),
a part of the tree for sysctl (sysctl:net.ipv4). Passwords are left out. With --json it is a manifest in JSON syntax (main.hcl.json).`,
		Example: "  apply inspect 'file[/etc/motd]' service.ssh\n  apply inspect file:/etc 'package:*' > main.hcl",
		Args:    cobra.MinimumNArgs(1),
		RunE:    a.Reading(func(_ *cobra.Command, ctx context.Context, args []string) error { return inspectAll(ctx, a, args) }),
	}
}

func inspectAll(ctx context.Context, a *cli.App, selections []string) error {
	h, err := local.New(local.Options{})
	if err != nil {
		return err
	}
	defer h.Close()
	m := inspect.New(all.Linked(nil))
	m.LeftOut = func(address string, err error) { fmt.Fprintf(a.Stderr, "apply: left out: %s: %v\n", address, err) }
	var wrong []error // of some selections; the others are printed
	for _, s := range selections {
		wrong = append(wrong, m.Add(ctx, h, s))
	}
	write := m.WriteTo
	if a.JSON {
		write = m.WriteJSON
	}
	n, err := write(a.Stdout)
	if n > limits.MaxFile {
		fmt.Fprintf(a.Stderr, "apply: %d bytes are more than one manifest may have (the limit is %d): inspect less at a time\n", n, limits.MaxFile)
	}
	return errors.Join(append(wrong, err)...)
}
