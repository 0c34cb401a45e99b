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
	done   chan struct{}
}

// catch begins to listen. The context ends by the second signal.
func (a *app) catch(ctx context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &interrupts{stop: make(chan struct{}), cancel: cancel, ch: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Notify(i.ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer close(i.done)
		for s := range i.ch {
			n := int32(s.(syscall.Signal))
			if i.number.CompareAndSwap(0, n) {
				fmt.Fprintf(a.stderr, "apply: %v: what runs is let finish; once more ends it\n", s)
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
	close(i.ch)
	<-i.done
	i.cancel(nil)
	return int(i.number.Load())
}
