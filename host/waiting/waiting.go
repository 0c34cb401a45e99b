// Package waiting is for workers that wait for somebody else: they lend their place meanwhile, and those that wait for the disk wait for it together.
package waiting

import (
	"cmp"
	"context"
	"time"

	"github.com/nodeapply/apply/host/syncer"
)

// Scheduler is the side of who has workers of what these wait for.
type Scheduler interface {
	// Wait calls wait, and lends the worker's place to somebody else meanwhile.
	Wait(wait func())
	// Quiet returns a channel that is closed once all workers wait.
	Quiet() <-chan struct{}
	// Helper adds a goroutine to those of the worker, if all workers together may have one more. It ends with left.
	Helper() (left func(), ok bool)
}

type (
	schedulerKey struct{}
	keepingKey   struct{}
)

// With returns a context in which [For] and [Gather] ask s.
func With(ctx context.Context, s Scheduler) context.Context {
	return context.WithValue(ctx, schedulerKey{}, s)
}

// Keeping returns a context in which who waits for this node keeps the worker's place: who would have it meanwhile may be one that is not to start.
func Keeping(ctx context.Context) context.Context {
	return context.WithValue(ctx, keepingKey{}, true)
}

// asked is the scheduler of who waits for this node.
func asked(ctx context.Context) (s Scheduler, ok bool) {
	if ctx.Value(keepingKey{}) == nil {
		s, ok = ctx.Value(schedulerKey{}).(Scheduler)
	}
	return s, ok
}

// For calls wait, which blocks on somebody else of this node (a group commit, a lock, its services) and not on work of its own.
func For(ctx context.Context, wait func()) {
	if s, ok := asked(ctx); ok {
		s.Wait(wait)
		return
	}
	wait()
}

// ForOthers calls wait, which blocks on other nodes.
func ForOthers(ctx context.Context, wait func()) {
	if s, ok := ctx.Value(schedulerKey{}).(Scheduler); ok {
		s.Wait(wait)
		return
	}
	wait()
}

// Help adds a goroutine to those of a worker that does many like things, which wait for the disk together. Where there is no place for one more the worker
// does the thing itself. Left is called when the goroutine has ended.
func Help(ctx context.Context) (left func(), ok bool) {
	if s, ok := ctx.Value(schedulerKey{}).(Scheduler); ok {
		return s.Helper()
	}
	return nil, false
}

// A group commit waits for others as long as some join within each lull, and no longer than gathering in all: waiting for a few more costs less than a
// sync, and a resource that takes minutes beside it must not hold it up.
const (
	lull      = 4 * time.Millisecond
	gathering = 250 * time.Millisecond
)

// Gather returns when a group commit should begin: when nobody is left who might still join it soon, at once where nobody is. Joined is how
// many have joined until now. It is called within [For].
func Gather(ctx context.Context, joined func() int) {
	s, ok := asked(ctx)
	if !ok {
		return
	}
	quiet := s.Quiet()
	tick := time.NewTicker(lull)
	defer tick.Stop()
	for start, before := time.Now(), joined(); time.Since(start) < gathering; {
		select {
		case <-quiet:
			return
		case <-tick.C:
		}
		now := joined()
		if now == before {
			return
		}
		before = now
	}
}

// Durable returns when what was written to the files (or folders) that the descriptors stand for is on disk, synced together with what else of
// the group waits for that.
func Durable(ctx context.Context, g *syncer.Group, fds ...int) error {
	var err error
	For(ctx, func() {
		err = g.Sync(func(joined func() int) { Gather(ctx, joined) }, fds...)
	})
	return err
}

// DurableMeanwhile is [Durable] of one file, while meanwhile waits for the disk too. The sync begins when all workers wait, when meanwhile has ended, or after
// what a group commit gathers at most: meanwhile may take minutes.
func DurableMeanwhile(ctx context.Context, g *syncer.Group, fd int, meanwhile func() error) (err error) {
	joined, err := g.Join(fd)
	if err != nil {
		return err
	}
	ended, synced := make(chan struct{}), make(chan struct{})
	var errSync error
	if joined.First() {
		go func() {
			defer close(synced)
			errSync = joined.Wait(func(func() int) { quietOr(ctx, ended) })
		}()
	}
	func() {
		defer close(ended)
		err = meanwhile()
	}()
	For(ctx, func() {
		if joined.First() {
			<-synced
			return
		}
		errSync = joined.Wait(func(joined func() int) { Gather(ctx, joined) })
	})
	return cmp.Or(err, errSync)
}

// quietOr returns when all workers wait, when ended is closed or after gathering; at once where there are no workers.
func quietOr(ctx context.Context, ended <-chan struct{}) {
	s, ok := asked(ctx)
	if !ok {
		return
	}
	late := time.NewTimer(gathering)
	defer late.Stop()
	select {
	case <-s.Quiet():
	case <-ended:
	case <-late.C:
	}
}
