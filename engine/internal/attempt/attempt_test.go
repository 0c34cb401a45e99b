package attempt

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host/waiting"
)

func TestDo(t *testing.T) {
	bad := errors.New("bad")
	for _, tc := range []struct {
		name  string
		fn    func(ctx context.Context, dead chan struct{}) (int, error)
		value int
		stuck bool
		err   string
		took  time.Duration
	}{
		{"ends well", func(context.Context, chan struct{}) (int, error) { return 7, nil }, 7, false, "", 0},
		{"fails", func(context.Context, chan struct{}) (int, error) { return 7, bad }, 7, false, "bad", 0},
		{"panics", func(context.Context, chan struct{}) (int, error) { panic("a bug") }, 0, false, "internal error: a bug", 0},
		{"ends with its deadline", func(ctx context.Context, _ chan struct{}) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}, 0, false, "timed out after 1m0s", time.Minute},
		{"ends well within the grace", func(ctx context.Context, _ chan struct{}) (int, error) {
			<-ctx.Done()
			time.Sleep(grace / 2)
			return 7, nil
		}, 7, false, "", time.Minute + grace/2},
		{"hangs", func(_ context.Context, dead chan struct{}) (int, error) {
			<-dead
			return 7, nil
		}, 0, true, "timed out after 1m8s, and hangs still in the kernel", time.Minute + grace},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dead := make(chan struct{})
				defer close(dead)
				hands := NewHands(1)
				defer hands.Rest()
				start := time.Now()
				value, stuck, err := Do(t.Context(), hands, graph.Slot{}, time.Minute, func(ctx context.Context) (int, error) { return tc.fn(ctx, dead) })
				text := ""
				if err != nil {
					text = err.Error()
				}
				if value != tc.value || stuck != tc.stuck || text != tc.err {
					t.Errorf("want %d, %v, %q; got %d, %v, %q", tc.value, tc.stuck, tc.err, value, stuck, text)
				}
				if diff := cmp.Diff(tc.took, time.Since(start)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestPanic: a report has one line of it, and apart from that where it was.
func TestPanic(t *testing.T) {
	_, err := Guarded(func() (int, error) { panic("a bug") })
	var detailed interface{ Detail() string }
	if !errors.As(err, &detailed) || !strings.Contains(detailed.Detail(), "TestPanic") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q", err)
	}
}

// TestHandsAreUsedAgain counts by their state: a goroutine that is free takes the next task.
func TestHandsAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHands(1)
		defer h.Rest()
		release := make(chan struct{})
		running := 0
		for range 3 {
			h.do(func() { <-release })
		}
		synctest.Wait()
		close(release)
		synctest.Wait() // three are free
		block := make(chan struct{})
		for range 3 {
			select {
			case h.tasks <- func() { <-block }:
				running++
			default:
			}
		}
		if running != 3 {
			t.Errorf("want three free, got %d", running)
		}
		close(block)
	})
}

// one is a graph's visitor with two vertices, of which the first waits for the second: it lends its slot.
type one struct {
	hands  Hands
	second chan struct{}
	err    error
}

func (*one) Ready(int)      {}
func (*one) Brief(int) bool { return false }
func (*one) Done(int)       {}

func (o *one) Visit(ctx context.Context, v int, slot graph.Slot) {
	if v == 1 {
		close(o.second)
		return
	}
	_, _, o.err = Do(ctx, o.hands, slot, time.Minute, func(ctx context.Context) (int, error) {
		waiting.For(ctx, func() { <-o.second })
		return 0, nil
	})
}

func TestWaitingLendsTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &one{hands: NewHands(1), second: make(chan struct{})}
		defer o.hands.Rest()
		graph.New(2).Walk(t.Context(), 1, 2, o)
		if o.err != nil {
			t.Error(o.err)
		}
	})
}

// two is a visitor of which the first attempt waits twice at once: what it does in the second wait is what the other visit waits for, in its slot.
type two struct {
	hands Hands
	did   atomic.Bool // in its second wait
	t     *testing.T
}

func (*two) Ready(int)      {}
func (*two) Brief(int) bool { return false }
func (*two) Done(int)       {}

func (o *two) Visit(ctx context.Context, v int, slot graph.Slot) {
	_, _, err := Do(ctx, o.hands, slot, time.Minute, func(ctx context.Context) (int, error) {
		if v == 1 {
			time.Sleep(10 * time.Second)
			return 0, nil
		}
		var all sync.WaitGroup
		all.Go(func() { waiting.For(ctx, func() { time.Sleep(time.Second) }) }) // wants the slot back while the other has it
		all.Go(func() {
			time.Sleep(5 * time.Second)
			waiting.For(ctx, func() { o.did.Store(true) })
		})
		time.Sleep(6 * time.Second)
		if !o.did.Load() {
			o.t.Error("one wait keeps another from its own")
		}
		all.Wait()
		return 0, nil
	})
	if err != nil {
		o.t.Error(err)
	}
}

// TestWaitsOfOneAttempt: while one gets the slot back, another can wait.
func TestWaitsOfOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &two{hands: NewHands(1), t: t}
		defer o.hands.Rest()
		start := time.Now()
		graph.New(2).Walk(t.Context(), 1, 2, o)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %v: the slot was not lent, or lost", took)
		}
	})
}
