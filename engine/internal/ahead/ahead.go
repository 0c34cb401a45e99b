// Package ahead makes attempts before they are asked for: those whose order means nothing and that are over in a moment, such as looking at a file. A few
// goroutines make one after the other. That takes much less time than package attempt, which hands each to a goroutine that a deadline can leave behind.
package ahead

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeapply/apply/engine/internal/attempt"
)

// slow is after what time an attempt was not over in a moment: no more are made ahead.
const slow = time.Second

// Attempts are those at the numbers from 0. A nil one has made none.
type Attempts[T any] struct {
	start time.Time
	made  []made[T]
	next  atomic.Int64
	ended atomic.Bool // nobody begins another
}

// Result is how an attempt ended.
type Result[T any] struct {
	Value T
	Err   error
	Start time.Time
	Took  time.Duration
}

type made[T any] struct {
	state  atomic.Int32
	by     *worker // set before it is begun
	result Result[T]
}

const (
	free int32 = iota
	begun
	over
	taken // by who asks for it
)

// worker is who makes one attempt after the other.
type worker struct {
	cancel context.CancelCauseFunc
	since  atomic.Int64 // when its attempt began, in nanoseconds after the start; 0: none is under way
	gone   chan struct{}
}

// Maker makes the attempts of one worker, one after the other, and is closed after the last.
type Maker[T any] interface {
	Make(ctx context.Context, v int) (T, error)
	io.Closer
}

// Make makes the attempts at those of the numbers below n that fit, by so many workers, each with a Maker of its own. It returns when all are made, or when one
// of them takes long or ctx ends: then those under way go on, and no other is begun. A panic is an error.
func Make[T any](ctx context.Context, n, workers int, fit func(v int) bool, maker func() Maker[T]) *Attempts[T] {
	a := &Attempts[T]{start: time.Now(), made: make([]made[T], n)}
	all := make([]*worker, min(workers, n))
	var wg sync.WaitGroup
	for i := range all {
		m := maker()
		ctx, cancel := context.WithCancelCause(ctx)
		w := &worker{cancel: cancel, gone: make(chan struct{})}
		all[i] = w
		wg.Go(func() {
			defer close(w.gone)
			defer cancel(nil)
			defer m.Close()
			a.work(ctx, w, fit, m)
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	tick := time.NewTicker(slow / 4)
	defer tick.Stop()
	for !a.ended.Load() {
		select {
		case <-done:
			return a
		case <-ctx.Done():
			a.ended.Store(true)
		case now := <-tick.C:
			a.ended.Store(a.overdue(all, now))
		}
	}
	return a
}

// overdue says whether an attempt takes long.
func (a *Attempts[T]) overdue(all []*worker, now time.Time) bool {
	for _, w := range all {
		if since := w.since.Load(); since != 0 && now.Sub(a.start)-time.Duration(since) >= slow {
			return true
		}
	}
	return false
}

func (a *Attempts[T]) work(ctx context.Context, w *worker, fit func(int) bool, maker Maker[T]) {
	for !a.ended.Load() {
		v := int(a.next.Add(1)) - 1
		if v >= len(a.made) {
			return
		}
		if !fit(v) {
			continue
		}
		m := &a.made[v]
		m.by = w
		if !m.state.CompareAndSwap(free, begun) {
			return // the walk is there already
		}
		r := &m.result
		r.Start = time.Now()
		w.since.Store(int64(r.Start.Sub(a.start)) | 1)
		r.Value, r.Err = attempt.Guarded(func() (T, error) { return maker.Make(ctx, v) })
		w.since.Store(0)
		r.Took = time.Since(r.Start)
		m.state.Store(over)
	}
}

// Made returns the result of an attempt that is over.
func (a *Attempts[T]) Made(v int) (r Result[T], ok bool) {
	if a == nil || a.made[v].state.Load() != over {
		return r, false
	}
	return a.made[v].result, true
}

// Forget lets go of the result of an attempt that is over.
func (a *Attempts[T]) Forget(v int) {
	if _, ok := a.Made(v); ok {
		a.made[v].result = Result[T]{}
	}
}

// Get returns the result at v: of the attempt that was begun, which is waited for, or else of fn. The end of ctx is handed on to an attempt under way, but
// only its own end ends the wait.
func (a *Attempts[T]) Get(ctx context.Context, v int, fn func(context.Context) (T, error)) (T, error) {
	if a == nil {
		return fn(ctx)
	}
	m := &a.made[v]
	if m.state.CompareAndSwap(free, taken) || m.state.Load() == taken {
		return fn(ctx)
	}
	if m.state.Load() == over {
		return m.result.Value, m.result.Err
	}
	defer context.AfterFunc(ctx, func() { m.by.cancel(context.Cause(ctx)) })()
	<-m.by.gone
	return m.result.Value, m.result.Err
}
