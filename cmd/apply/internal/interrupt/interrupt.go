// Package interrupt turns signals into the end of a command. What only reads, such as a fetch, is ended by the first one. From the time that something is
// changed the first lets what runs finish, and the second ends it.
package interrupt

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Err is the cause of a context that a signal ended, and what Begin returns after a signal.
var Err = errors.New("interrupted")

// repeated is how long the first signal may come again: timeout(1) sends one to the process and to its group, and one is meant.
const repeated = 100 * time.Millisecond

// Signals are SIGINT, SIGTERM and SIGHUP, as they come to a command.
type Signals struct {
	stop     chan struct{} // closed by the first signal
	number   atomic.Int32
	changing atomic.Bool
	cancel   context.CancelCauseFunc
	ch       chan os.Signal
	done     chan struct{}
	told     sync.WaitGroup
}

// Catch begins to listen. Tell is told of a first signal that lets finish what runs. The caller calls End.
func Catch(ctx context.Context, tell func(os.Signal)) (context.Context, *Signals) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &Signals{stop: make(chan struct{}), cancel: cancel, ch: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Notify(s.ch, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup apply ... outlives its terminal
		signal.Notify(s.ch, syscall.SIGHUP)
	}
	go s.listen(tell)
	return ctx, s
}

func (s *Signals) listen(tell func(os.Signal)) {
	defer close(s.done)
	var first time.Time
	for sig := range s.ch {
		now := time.Now()
		switch {
		case s.number.CompareAndSwap(0, int32(sig.(syscall.Signal))):
			first = now
			close(s.stop)
			if s.changing.Load() {
				s.told.Go(func() { tell(sig) }) // which a terminal that takes nothing holds up, and that must not keep the second signal away
			} else {
				s.cancel(Err)
			}
		case now.Sub(first) > repeated:
			s.cancel(Err)
		}
	}
}

// Begin says that something is changed from now on. It fails when a signal came before that.
func (s *Signals) Begin() error {
	s.changing.Store(true)
	if s.number.Load() != 0 {
		return Err
	}
	return nil
}

// Stop is closed by the first signal.
func (s *Signals) Stop() <-chan struct{} { return s.stop }

// Number is that of the first signal, 0 where none came.
func (s *Signals) Number() int { return int(s.number.Load()) }

// End stops listening.
func (s *Signals) End() {
	signal.Stop(s.ch)
	close(s.ch)
	<-s.done
	s.told.Wait()
	s.cancel(nil)
}
