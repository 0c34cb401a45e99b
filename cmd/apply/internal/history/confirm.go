package history

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal/confirm"
)

func confirmCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "confirm",
		Short: "Keep what a run with --confirm-within has changed",
		Long: `Keep what a run with --confirm-within has changed.

Such a run is undone by a timer of systemd unless it is confirmed in time: for changes that may cut the operator off.`,
		Example: "  apply --confirm-within 5m main.hcl\n  apply confirm",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return keep(cmd.Context(), a) },
	}
}

func keep(ctx context.Context, a *cli.App) error {
	state, err := a.OpenState()
	if err != nil {
		return err
	}
	h, err := local.New(local.Options{})
	if err != nil {
		return err
	}
	run, err := confirm.Keep(ctx, state, h)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(map[string]string{"event": "confirm", "run": run})
	}
	_, err = fmt.Fprintf(a.Stdout, "run %s is confirmed\n", run)
	return err
}
