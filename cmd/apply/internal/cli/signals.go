package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/interrupt"
)

// Catch begins to listen to signals. The caller calls End.
func (a *App) Catch(ctx context.Context) (context.Context, *interrupt.Signals) {
	ctx, a.signals = interrupt.Catch(ctx, func(s os.Signal) {
		fmt.Fprintf(a.aside, "apply: %v: what runs is let finish; once more ends it\n", s)
	})
	return ctx, a.signals
}

// Reading runs a command that changes nothing: a signal ends it at once, and what it has put aside is removed. What it has found out by then may be less
// than there is.
func (a *App) Reading(do func(cmd *cobra.Command, ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, signals := a.Catch(cmd.Context())
		defer signals.End()
		if err := do(cmd, ctx, args); err != nil {
			return err
		}
		return context.Cause(ctx)
	}
}

// Serving is the context of a service, which a signal ends as it is meant to end.
func Serving(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}

// interrupted is the signal that ended a command, 0 if none did.
func (a *App) interrupted() syscall.Signal {
	if a.signals == nil {
		return 0
	}
	return syscall.Signal(a.signals.Number())
}
