package ahead

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func all(int) bool { return true }

// by has every worker call a function.
func by[T any](f func(context.Context, int) (T, error)) func() Maker[T] {
	return func() Maker[T] { return &maker[T]{f: f} }
}

type maker[T any] struct {
	f      func(context.Context, int) (T, error)
	closed func()
}

func (m *maker[T]) Make(ctx context.Context, v int) (T, error) { return m.f(ctx, v) }

func (m *maker[T]) Close() error {
	if m.closed != nil {
		m.closed()
	}
	return nil
}

func TestMakersAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, open := make(chan struct{}), 0
		Make(t.Context(), 8, 2, all, func() Maker[int] {
			open++
			return &maker[int]{func(_ context.Context, v int) (int, error) {
				if v == 5 {
					<-hangs
				}
				return v, nil
			}, func() { open-- }}
		})
		synctest.Wait()
		if open != 1 {
			t.Errorf("want the maker open that is at work still, got %d", open)
		}
		close(hangs)
		synctest.Wait()
		if open != 0 {
			t.Errorf("want all closed, got %d open", open)
		}
	})
}

func TestMakeMakesWhatFits(t *testing.T) {
	bad := errors.New("bad")
	a := Make(t.Context(), 6, 2, func(v int) bool { return v != 4 }, by(func(_ context.Context, v int) (int, error) {
		switch v {
		case 3:
			return 0, bad
		case 5:
			panic("five")
		}
		return v * v, nil
	}))
	var got []string
	for v := range 6 {
		r, ok := a.Made(v)
		switch {
		case !ok:
			got = append(got, "not made")
		case r.Err != nil:
			got = append(got, r.Err.Error())
		default:
			got = append(got, string(rune('a'+r.Value)))
		}
	}
	want := []string{"a", "b", "e", "bad", "not made", "internal error: five"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoneAreMade(t *testing.T) {
	var none *Attempts[int]
	if _, ok := none.Made(7); ok {
		t.Error("want nothing made")
	}
	none.Forget(7)
	if got, err := none.Get(t.Context(), 7, func(context.Context) (int, error) { return 49, nil }); got != 49 || err != nil {
		t.Errorf("want what is asked for, got %d, %v", got, err)
	}
	if a := Make(t.Context(), 0, 2, all, by(func(context.Context, int) (int, error) { return 0, nil })); len(a.made) != 0 {
		t.Error("want none")
	}
}

func TestForgottenIsNotMade(t *testing.T) {
	a := Make(t.Context(), 1, 1, all, by(func(context.Context, int) (string, error) { return "long", nil }))
	a.Forget(0)
	if r, ok := a.Made(0); !ok || r.Value != "" {
		t.Errorf("want an empty result, got %q, %v", r.Value, ok)
	}
}

// TestSlow has one worker at an attempt that takes a minute: the others are left for who asks, and who asks for that one waits for it.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		minute := func(ctx context.Context, v int) (int, error) {
			if v == 1 {
				select {
				case <-time.After(time.Minute):
				case <-ctx.Done():
					return -1, context.Cause(ctx)
				}
			}
			return v, nil
		}
		start := time.Now()
		a := Make(t.Context(), 3, 1, all, by(minute))
		if took := time.Since(start); took > 2*slow {
			t.Errorf("want it left alone, waited %v", took)
		}
		again := func(ctx context.Context) (int, error) { return 100, nil }
		var got []int
		for v := range 3 {
			n, err := a.Get(t.Context(), v, again)
			if err != nil {
				t.Error(err)
			}
			got = append(got, n)
		}
		if diff := cmp.Diff([]int{0, 1, 100}, got); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(start); took < time.Minute {
			t.Errorf("want the slow one waited for, it took %v", took)
		}

		impatient := errors.New("impatient")
		b := Make(t.Context(), 3, 1, all, by(minute))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, impatient)
		defer cancel()
		if _, err := b.Get(ctx, 1, again); !errors.Is(err, impatient) {
			t.Errorf("want the end handed on, got %v", err)
		}
	})
}

func TestEndOfContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		hangs := make(chan struct{})
		a := Make(ctx, 10, 2, all, by(func(context.Context, int) (int, error) {
			<-hangs
			return 0, nil
		}))
		if _, ok := a.Made(0); ok {
			t.Error("want it under way")
		}
		close(hangs)
		synctest.Wait()
		made := 0
		for v := range 10 {
			if _, ok := a.Made(v); ok {
				made++
			}
		}
		if made != 2 {
			t.Errorf("want the two that were under way and no other, got %d", made)
		}
	})
}
