package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Update is what [Follow] yields: a whole listing (the first, and again after history was forgotten), or changes since, or
// why there is no listing yet.
type Update struct {
	Reset   *Listing
	Changes []Event
	Away    error // ErrUnavailable; it goes on trying
}

// Follow lists a prefix and then watches it for as long as the context lasts: while the store is away it tries again with
// backoff, and when the watch has fallen behind what the store remembers it lists again. It yields an error once, as the
// last thing: the context's, or one that trying again does not cure.
func Follow(ctx context.Context, s Store, prefix string) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		var pause backoff
		for {
			l, err := s.List(ctx, prefix)
			if errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
				if !yield(Update{Away: err}, nil) {
					return
				}
				if err = pause.Sleep(ctx); err == nil {
					continue
				}
			}
			if err != nil {
				yield(Update{}, err)
				return
			}
			pause.Reset()
			if !yield(Update{Reset: &l}, nil) {
				return
			}
			for evs, err := range s.Watch(ctx, prefix, l.Revision) {
				if errors.Is(err, ErrCompacted) {
					break
				}
				if !yield(Update{Changes: evs}, err) || err != nil {
					return
				}
			}
			if ctx.Err() != nil {
				yield(Update{}, context.Cause(ctx))
				return
			}
		}
	}
}

// Retry calls f until it gives anything but ErrUnavailable, with backoff, for as long as the context lasts. The error on
// giving up is the last of f with the context's cause.
func Retry[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	var b backoff
	for {
		v, err := f(ctx)
		if err == nil || !errors.Is(err, ErrUnavailable) {
			return v, err
		}
		TellAway(ctx, err)
		if b.Sleep(ctx) != nil {
			return v, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

// Try is [Retry] of what gives nothing but an error.
func Try(ctx context.Context, f func(context.Context) error) error {
	_, err := Retry(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// Resume is a Watch that begins again where the one before it ended without an error, or because the store was away. Once watches what comes after a revision
// until yield returns false, or it ends for another reason, and returns the last revision that it has yielded.
func Resume(ctx context.Context, after int64, once func(after int64, yield func([]Event) bool) (int64, error)) iter.Seq2[[]Event, error] {
	return func(yield func([]Event, error) bool) {
		var pause backoff
		for {
			stopped := false
			rev, err := once(after, func(evs []Event) bool {
				stopped = !yield(evs, nil)
				return !stopped
			})
			if stopped {
				return
			}
			if rev > after {
				after = rev
				pause.Reset()
			}
			if ctx.Err() == nil && errors.Is(err, ErrUnavailable) {
				err = pause.Sleep(ctx)
			}
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

type awayKey struct{}

// WithAway returns a context in which [Retry] tells each time why the store is away.
func WithAway(ctx context.Context, tell func(error)) context.Context {
	return context.WithValue(ctx, awayKey{}, tell)
}

// TellAway tells it, where the context has somebody to tell.
func TellAway(ctx context.Context, why error) {
	if tell, ok := ctx.Value(awayKey{}).(func(error)); ok {
		tell(why)
	}
}

// backoff is the pause between tries: 50 ms at first, doubled up to 2 s, and back to the start after Reset.
// A fifth of each pause is spread by the clock's low digits, so that a thousand nodes do not knock at once.
type backoff struct{ next time.Duration }

// Reset makes the next pause the shortest again.
func (b *backoff) Reset() { b.next = 0 }

// Sleep pauses once; it ends early with the context's cause.
func (b *backoff) Sleep(ctx context.Context) error {
	b.next = min(max(2*b.next, 50*time.Millisecond), 2*time.Second)
	spread := time.Duration(time.Now().UnixNano()) % (b.next / 5)
	t := time.NewTimer(b.next - spread)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
