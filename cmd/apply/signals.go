package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
)

// interrupts turns signals into the end of a command. What only reads, such as a fetch, is ended by the first one. From the time that something
// is changed the first lets what runs finish, and the second ends it.
type interrupts struct {
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

// catch begins to listen.
func (a *app) catch(ctx context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &interrupts{stop: make(chan struct{}), cancel: cancel, ch: make(chan os.Signal, 2), pipe: make(chan os.Signal, 1), done: make(chan struct{})}
	a.signals = i
	signal.Notify(i.ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(i.pipe, syscall.SIGPIPE)
	go func() {
		defer close(i.done)
		for s := range i.ch {
			n := int32(s.(syscall.Signal))
			if i.number.CompareAndSwap(0, n) {
				close(i.stop)
				if i.changing.Load() {
					fmt.Fprintf(a.aside, "apply: %v: what runs is let finish; once more ends it\n", s)
					continue
				}
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, i
}

// begin says that something is changed from now on. It fails when a signal came before that.
func (i *interrupts) begin() error {
	i.changing.Store(true)
	if i.number.Load() != 0 {
		return errInterrupted
	}
	return nil
}

// end stops listening.
func (i *interrupts) end() {
	signal.Stop(i.ch)
	signal.Stop(i.pipe)
	close(i.ch)
	<-i.done
	i.cancel(nil)
}

// reading runs a command that changes nothing: a signal ends it at once, and what it has put aside is removed.
func (a *app) reading(do func(cmd *cobra.Command, ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, signals := a.catch(cmd.Context())
		defer signals.end()
		return do(cmd, ctx, args)
	}
}

// interrupted is the signal that ended a command, 0 if none did.
func (a *app) interrupted() syscall.Signal {
	if a.signals == nil {
		return 0
	}
	return syscall.Signal(a.signals.number.Load())
}
