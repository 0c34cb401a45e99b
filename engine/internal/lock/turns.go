package lock

import (
	"context"
	"sync"

	"github.com/nodeapply/apply/graph"
)

// Turns are the queues for locks, in which visits stand in the order of their ranks; the zero value is ready. An edge in the place of a turn would make a
// visit fail for another.
type Turns struct {
	mu   sync.Mutex
	last map[string]*turn // by lock: of those that were expected, the one of the highest rank
	of   map[int][]*turn  // by rank, until they are over
}

// turn is a visit's place in the queue for a lock.
type turn struct {
	rank   int
	before *turn // nil: none that is not over
	over   chan struct{}
}

// Expect is told that a visit is ready which may want locks. Each has a turn for it after those of a lower rank that became ready before. Visits are
// started in the order of their ranks, so nobody waits for one that has not begun; and for the same reason one of a lower rank than others that were
// ready before has no turn.
func (q *Turns) Expect(rank int, locks []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of == nil {
		q.last, q.of = map[string]*turn{}, map[int][]*turn{}
	}
	for _, name := range locks {
		before := q.last[name]
		if before != nil && before.rank > rank {
			continue
		}
		t := &turn{rank: rank, before: before, over: make(chan struct{})}
		q.last[name] = t
		q.of[rank] = append(q.of[rank], t)
	}
}

// Over is told that a visit has had its turns, or has ended without.
func (q *Turns) Over(rank int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.of[rank] {
		close(t.over)
	}
	delete(q.of, rank)
}

// Await waits for the turns of a visit, which lends its slot meanwhile. One that has had its turns, or never had any, waits for nobody.
func (q *Turns) Await(ctx context.Context, slot graph.Slot, rank int) (err error) {
	if slot.Alone() || q.next(rank) == nil {
		return nil
	}
	slot.Wait(func() {
		for t := q.next(rank); t != nil && err == nil; t = q.next(rank) {
			select {
			case <-t.over:
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
	})
	return err
}

// next returns a turn that a visit has to wait for. A turn that is over is passed once, by whoever comes first.
func (q *Turns) next(rank int) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.of[rank] {
		for t.before != nil {
			select {
			case <-t.before.over:
				t.before = t.before.before
			default:
				return t.before
			}
		}
	}
	return nil
}
