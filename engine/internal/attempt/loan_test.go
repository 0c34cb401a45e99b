package attempt

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host/waiting"
)

// helped is a graph's visitor: its first vertex is visited by an attempt and its helpers, all of which wait in the end, the second notes when it is visited.
type helped struct {
	hands   Hands
	helpers int // that it asks for
	got     int
	start   time.Time
	second  time.Duration
}

func (*helped) Ready(int)      {}
func (*helped) Brief(int) bool { return false }
func (*helped) Done(int)       {}

func (v *helped) Visit(ctx context.Context, n int, slot graph.Slot) {
	if n == 1 {
		v.second = time.Since(v.start)
		return
	}
	_, _, _ = Do(ctx, v.hands, slot, time.Minute, func(ctx context.Context) (int, error) {
		var all sync.WaitGroup
		for i := range v.helpers {
			left, ok := waiting.Help(ctx)
			if !ok {
				break
			}
			v.got++
			all.Go(func() {
				defer left()
				time.Sleep(time.Duration(1+i) * time.Second) // at work
				waiting.For(ctx, func() { time.Sleep(10 * time.Second) })
			})
		}
		waiting.For(ctx, all.Wait)
		return 0, nil
	})
}

// TestHelpers: the slot is lent once all goroutines of the attempt wait, not while one of them works.
func TestHelpers(t *testing.T) {
	for name, tc := range map[string]struct {
		places, helpers int
		want            int // helpers
		second          time.Duration
	}{
		"none":              {places: 4, second: 0},
		"one":               {places: 4, helpers: 1, want: 1, second: time.Second},
		"three":             {places: 4, helpers: 3, want: 3, second: 3 * time.Second},
		"more than may be":  {places: 4, helpers: 9, want: 4, second: 4 * time.Second},
		"where none may be": {helpers: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &helped{hands: NewHands(tc.places), helpers: tc.helpers, start: time.Now()}
				defer v.hands.Rest()
				graph.New(2).Walk(t.Context(), 1, 2, v)
				if diff := cmp.Diff([]any{tc.want, tc.second}, []any{v.got, v.second}); diff != "" {
					t.Error(diff)
				}
				if left := len(v.hands.helpers); left != 0 {
					t.Errorf("%d places are not given back", left)
				}
			})
		})
	}
}
