package lock

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
)

// queued is a visitor whose visits take a while each before they want what they lock.
type queued struct {
	*Turns
	locks [][]string
	looks []time.Duration // 0: it ends without its turn
	mu    sync.Mutex
	had   []int
}

func (q *queued) Ready(v int)    { q.Expect(v, q.locks[v]) }
func (q *queued) Brief(int) bool { return false }
func (q *queued) Done(v int)     { q.Over(v) }
func (q *queued) Visit(ctx context.Context, v int, slot graph.Slot) {
	if q.looks[v] == 0 {
		return
	}
	slot.Wait(func() { time.Sleep(q.looks[v]) })
	if err := q.Await(ctx, slot, v); err != nil {
		return
	}
	defer q.Over(v)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.had = append(q.had, v)
}

// TestTurns: who comes first waits for who is declared before it, if that is ready and wants the same.
func TestTurns(t *testing.T) {
	const s = time.Second
	a, ab := []string{"a"}, []string{"a", "b"}
	for _, tc := range []struct {
		name    string
		locks   [][]string
		looks   []time.Duration
		edges   [][2]int
		workers int
		flying  int
		want    []int
	}{
		{"in the order of the ranks", [][]string{a, a, a, a}, []time.Duration{4 * s, 3 * s, 2 * s, 1 * s}, nil, 4, 9, []int{0, 1, 2, 3}},
		{"one worker, whose slot is lent", [][]string{a, a, a}, []time.Duration{3 * s, 2 * s, 1 * s}, nil, 1, 9, []int{0, 1, 2}},
		{"another lock", [][]string{a, {"b"}, a}, []time.Duration{3 * s, 1 * s, 2 * s}, nil, 3, 9, []int{1, 0, 2}},
		{"what ends without its turn is passed", [][]string{a, a, a, a}, []time.Duration{5 * s, 0, 0, 1 * s}, nil, 4, 9, []int{0, 3}},
		{"several locks", [][]string{a, {"b"}, ab}, []time.Duration{3 * s, 5 * s, 1 * s}, nil, 3, 9, []int{0, 1, 2}},
		{"what is ready later is not waited for", [][]string{a, a, a}, []time.Duration{9 * s, 1 * s, 1 * s}, [][2]int{{1, 0}}, 3, 9, []int{1, 2, 0}},
		{"nobody waits for what has not begun", [][]string{nil, a, a, a}, []time.Duration{s / 2, 9 * s, 9 * s, 1 * s}, [][2]int{{0, 1}, {0, 2}}, 2, 2, []int{0, 3, 1, 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queued{Turns: &Turns{}, locks: tc.locks, looks: tc.looks}
				g := graph.New(len(tc.locks))
				for _, e := range tc.edges {
					g.Connect(e[0], e[1], false)
				}
				g.Walk(t.Context(), tc.workers, tc.flying, q)
				if diff := cmp.Diff(tc.want, q.had); diff != "" {
					t.Error(diff)
				}
				if len(q.of) > 0 {
					t.Errorf("%d turns are left", len(q.of))
				}
			})
		})
	}
}

// TestTurnsInAnOrderThatIsGiven: who is visited alone waits for nobody.
func TestTurnsInAnOrderThatIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := []string{"a"}
		q := &queued{Turns: &Turns{}, locks: [][]string{a, a, a}, looks: []time.Duration{1, 1, 1}}
		graph.New(3).WalkInOrder(t.Context(), []int{2, 0, 1}, q)
		if diff := cmp.Diff([]int{2, 0, 1}, q.had); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTurnInTime: the wait for a turn ends with the context.
func TestTurnInTime(t *testing.T) {
	why := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	q := &queued{Turns: &Turns{}}
	q.Expect(0, []string{"a"})
	q.Expect(1, []string{"a"})
	var err error
	g := graph.New(2)
	g.Walk(t.Context(), 2, 2, waiters(func(v int, slot graph.Slot) {
		if v == 1 {
			err = q.Await(ctx, slot, v)
		}
	}))
	if !errors.Is(err, why) {
		t.Errorf("want %v, got %v", why, err)
	}
}

// waiters is a visitor that does nothing else.
type waiters func(v int, slot graph.Slot)

func (waiters) Ready(int)                                         {}
func (waiters) Brief(int) bool                                    { return false }
func (waiters) Done(int)                                          {}
func (w waiters) Visit(_ context.Context, v int, slot graph.Slot) { w(v, slot) }
