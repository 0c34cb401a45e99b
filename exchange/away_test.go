package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

// line is a store over a line that may be cut: what is asked then is not answered, and watches say nothing until it is whole again.
type line struct {
	store.Store
	cut atomic.Bool
}

func (l *line) err() error {
	if l.cut.Load() {
		return fmt.Errorf("exchange h: %w: no route to host", store.ErrUnavailable)
	}
	return nil
}

func (l *line) Renew(ctx context.Context, id store.LeaseID) error {
	if err := l.err(); err != nil {
		return err
	}
	return l.Store.Renew(ctx, id)
}

func (l *line) Put(ctx context.Context, p store.Put) (int64, error) {
	if err := l.err(); err != nil {
		return 0, err
	}
	return l.Store.Put(ctx, p)
}

func (l *line) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return func(yield func([]store.Event, error) bool) {
		for evs, err := range l.Store.Watch(ctx, prefix, after) {
			for l.cut.Load() && ctx.Err() == nil {
				time.Sleep(time.Second) // made-up time
			}
			if !yield(evs, err) {
				return
			}
		}
	}
}

// Who is cut off in the middle of a wait says so beside what it knew last, until it hears again, and when its time is over.
func TestAWaitThatIsCutOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &line{Store: ledgertest.Hub(t)}
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
		a := join(t, deployment(t, l), "a", Plan{Waits: []record.Wait{w}})
		const known, cut = "up: 0 of 1 nodes; b: not seen yet", "; nothing newer is known: exchange h: exchange is unavailable: no route to host"
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			_, err := a.Wait(ctx, w, func(v verdict.Verdict) {
				if v.Need > 0 { // it has seen what is there
					told = append(told, v.String())
				}
			})
			failed <- err
		}()
		for _, is := range []bool{false, true, false, true} {
			l.cut.Store(is)
			time.Sleep(time.Minute) // made-up time
		}
		wants(t, "its time is over", <-failed, "wait.w: "+known+cut+": context deadline exceeded")
		if diff := cmp.Diff([]string{known, known + cut, known, known + cut}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		l.cut.Store(false)
	})
}

// Nor is a node whose run had ended given up by one that is cut off: it may have begun anew.
func TestWhoIsCutOffGivesNobodyUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		l, others := &line{Store: hub}, deployment(t, hub)
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
		end(t, join(t, others, "b", Plan{Exports: exports("up")}), "service.b")
		x := deployment(t, l)
		x.timing.settle = time.Minute // it has noticed by then
		a := join(t, x, "a", Plan{Waits: []record.Wait{w}})
		met := make(chan error, 1)
		go func() {
			_, err := waitFor(t, a, w, time.Hour)
			met <- err
		}()
		synctest.Wait()
		l.cut.Store(true)
		b := join(t, others, "b", Plan{Exports: exports("up")})
		time.Sleep(10 * time.Minute) // made-up time
		l.cut.Store(false)
		time.Sleep(10 * time.Minute)
		if err := b.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		if err := <-met; err != nil {
			t.Error(err)
		}
	})
}
