// Package lock has locks with names, for what must not overlap whatever its order.
package lock

import (
	"context"
	"sync"

	"github.com/nodeapply/apply/graph"
)

// Locks are the named locks of a run (dpkg, rpm); the zero value is ready. They live in the graph's place: an edge would order what only must not overlap.
type Locks struct {
	mu    sync.Mutex
	named map[string]chan struct{}
}

// Acquire takes the locks in the order given, which callers sort, and returns what gives them back. It lends the slot while it waits.
func (l *Locks) Acquire(ctx context.Context, slot graph.Slot, names []string) (release func(), err error) {
	var held []chan struct{}
	release = func() {
		for _, c := range held {
			<-c
		}
	}
	for _, name := range names {
		c := l.channel(name)
		select {
		case c <- struct{}{}:
			held = append(held, c)
			continue
		default:
		}
		slot.Wait(func() {
			select {
			case c <- struct{}{}:
				held = append(held, c)
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		})
		if err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

func (l *Locks) channel(name string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.named[name]
	if !ok {
		if l.named == nil {
			l.named = map[string]chan struct{}{}
		}
		c = make(chan struct{}, 1)
		l.named[name] = c
	}
	return c
}
