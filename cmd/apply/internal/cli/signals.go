package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Interrupts turn signals into the end of a command. What only reads, such as a fetch, is ended by the first one. From the time that something
// is changed the first lets what runs finish, and the second ends it.
type Interrupts struct {
	stop     chan struct{} // closed by the first signal
	number   atomic.Int32
	changing atomic.Bool
	cancel   context.CancelCauseFunc
	ch       chan os.Signal
	pipe     chan os.Signal // gets SIGPIPE: that nobody reads the output ends the output, not the run
	done     chan struct{}
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// Catch begins to listen. The caller calls End.
func (a *App) Catch(ctx context.Context) (context.Context, *Interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &Interrupts{stop: make(chan struct{}), cancel: cancel, ch: make(chan os.Signal, 2), pipe: make(chan os.Signal, 1), done: make(chan struct{})}
	a.signals = i
	signal.Notify(i.ch, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup apply ... outlives its terminal
		signal.Notify(i.ch, syscall.SIGHUP)
	}
	signal.Notify(i.pipe, syscall.SIGPIPE)
	go func() {
		defer close(i.done)
		var first time.Time
		for s := range i.ch {
			now := time.Now()
			switch {
			case i.number.CompareAndSwap(0, int32(s.(syscall.Signal))):
				first = now
				close(i.stop)
				if i.changing.Load() {
					fmt.Fprintf(a.aside, "apply: %v: what runs is let finish; once more ends it\n", s)
				} else {
					cancel(errInterrupted)
				}
			case now.Sub(first) > repeated:
				cancel(errInterrupted)
			}
		}
	}()
	return ctx, i
}

// repeated is how long the first signal may come again: timeout(1) sends one to the process and to its group, and one is meant.
const repeated = 100 * time.Millisecond

// Begin says that something is changed from now on. It fails when a signal came before that.
func (i *Interrupts) Begin() error {
	i.changing.Store(true)
	if i.number.Load() != 0 {
		return errInterrupted
	}
	return nil
}

// Stop is closed by the first signal.
func (i *Interrupts) Stop() <-chan struct{} { return i.stop }

// Number is that of the first signal, 0 where none came.
func (i *Interrupts) Number() int { return int(i.number.Load()) }

// End stops listening.
func (i *Interrupts) End() {
	signal.Stop(i.ch)
	signal.Stop(i.pipe)
	close(i.ch)
	<-i.done
	i.cancel(nil)
}

// Reading runs a command that changes nothing: a signal ends it at once, and what it has put aside is removed.
func (a *App) Reading(do func(cmd *cobra.Command, ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, signals := a.Catch(cmd.Context())
		defer signals.End()
		return do(cmd, ctx, args)
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
	return syscall.Signal(a.signals.number.Load())
}
