package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interrupts turns signals into the end of a run: the first lets what runs finish, the second ends it.
type interrupts struct {
	stop   chan struct{} // closed by the first signal
	number atomic.Int32
	cancel context.CancelCauseFunc
	ch     chan os.Signal
	pipe   chan os.Signal // gets SIGPIPE: that nobody reads the output ends the output, not the run
	done   chan struct{}
}

// catch begins to listen. The context ends by the second signal.
func (a *app) catch(ctx context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &interrupts{stop: make(chan struct{}), cancel: cancel, ch: make(chan os.Signal, 2), pipe: make(chan os.Signal, 1), done: make(chan struct{})}
	signal.Notify(i.ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(i.pipe, syscall.SIGPIPE)
	go func() {
		defer close(i.done)
		for s := range i.ch {
			n := int32(s.(syscall.Signal))
			if i.number.CompareAndSwap(0, n) {
				fmt.Fprintf(a.aside, "apply: %v: what runs is let finish; once more ends it\n", s)
				close(i.stop)
				continue
			}
			cancel(errors.New("interrupted"))
		}
	}()
	return ctx, i
}

// end stops listening and returns the number of the signal that came, 0 if none did.
func (i *interrupts) end() int {
	signal.Stop(i.ch)
	signal.Stop(i.pipe)
	close(i.ch)
	<-i.done
	i.cancel(nil)
	return int(i.number.Load())
}
