package attempt

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host/waiting"
)

// starving is a visitor of two vertices: the first waits for a second, in which the other takes the slot for a minute, and then goes on for as long as it says.
type starving struct {
	hands   Hands
	goesOn  time.Duration
	said    []string
	starved time.Duration
}

func (*starving) Ready(int)      {}
func (*starving) Brief(int) bool { return false }
func (*starving) Done(int)       {}

func (s *starving) Visit(ctx context.Context, v int, slot graph.Slot) {
	if v == 1 {
		time.Sleep(time.Minute)
		return
	}
	start := time.Now()
	said := func(what any) { s.said = append(s.said, fmt.Sprintf("%v at %v", what, time.Since(start))) }
	_, stuck, err := Do(ctx, s.hands, slot, 10*time.Second, func(ctx context.Context) (int, error) {
		waiting.For(ctx, func() { time.Sleep(time.Second) })
		deadline, _ := ctx.Deadline()
		said(deadline.Sub(start))
		select {
		case <-time.After(s.goesOn):
			return 0, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
	said(fmt.Sprint(stuck, " ", err))
	s.starved = slot.Starved()
}

// TestStarvingIsNotCounted: an attempt that is kept from going on by others has its time before it still.
func TestStarvingIsNotCounted(t *testing.T) {
	for _, tc := range []struct {
		name   string
		goesOn time.Duration
		want   []string
	}{
		{"ends in time", 8 * time.Second, []string{"1m9s at 1m0s", "false <nil> at 1m8s"}},
		{"takes too long by itself", 20 * time.Second, []string{"1m9s at 1m0s", "false timed out after 10s at 1m9s"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &starving{hands: NewHands(1), goesOn: tc.goesOn}
				defer s.hands.Rest()
				graph.New(2).Walk(t.Context(), 1, 2, s)
				if diff := cmp.Diff(tc.want, s.said); diff != "" {
					t.Error(diff)
				}
				if s.starved != 59*time.Second {
					t.Errorf("want 59s without a slot, got %v", s.starved)
				}
			})
		})
	}
}
