package queue

import (
	"context"
	"iter"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/board"
	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// late is a store that tells of changes once told is closed.
type late struct {
	store.Store
	told chan struct{}
}

func (l late) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return func(yield func([]store.Event, error) bool) {
		select {
		case <-l.told:
		case <-ctx.Done():
		}
		l.Store.Watch(ctx, prefix, after)(yield)
	}
}

// The place of a run that died is no claim of the node's next run, not even while that one sees nothing newer: it comes after all who wait.
func TestALeftoverIsNoClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		dying := visitor(t, hub, "a")
		life, die := context.WithCancel(t.Context())
		dying.Life = life
		if _, err := Enter(t.Context(), dying, 1, nil); err != nil {
			t.Fatal(err)
		}
		die()
		next, told := visitor(t, hub, "a"), make(chan struct{})
		next.Board = board.New(late{hub, told}, "d")
		defer next.Board.Stop()
		if _, _, err := next.Board.Look(func(*view.View) {}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()

		var ended sync.WaitGroup
		defer ended.Wait()
		var entered []string
		in, leave := make(chan string, 2), map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
		enter := func(v Visitor) {
			ended.Go(func() {
				h, err := Enter(t.Context(), v, 1, nil)
				if err != nil {
					t.Error(err)
					return
				}
				in <- v.Key.Node
				<-leave[v.Key.Node]
				if err := h.Leave(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		check := func(want ...string) {
			t.Helper()
			for synctest.Wait(); len(in) > 0; {
				entered = append(entered, <-in)
			}
			if diff := cmp.Diff(want, entered); diff != "" {
				t.Error(diff)
			}
		}
		enter(visitor(t, hub, "b"))
		check()
		enter(next)
		check("b")
		close(told)
		check("b")
		close(leave["b"])
		check("b", "a")
		close(leave["a"])
	})
}
