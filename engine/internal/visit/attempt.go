package visit

import (
	"context"
	"log/slog"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/attempt"
	"github.com/nodeapply/apply/resources"
)

// within calls fn with a deadline, in a goroutine that is left behind if it does not come back in time. A panic in a resource fails that resource.
func (t *Visit) within(ctx context.Context, after time.Duration, fn func(context.Context) error) error {
	_, err := attemptedWithin(ctx, t, after, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) })
	return err
}

// attempted is [Visit.within], with the resource's deadline, for an fn with a value.
func attempted[T any](ctx context.Context, t *Visit, fn func(context.Context) (T, error)) (T, error) {
	return attemptedWithin(ctx, t, t.timeout(t.Entry), fn)
}

func attemptedWithin[T any](ctx context.Context, t *Visit, after time.Duration, fn func(context.Context) (T, error)) (T, error) {
	ctx = t.telling(resources.WithLog(ctx, t.log))
	value, stuck, err := attempt.Do(ctx, t.Hands, t.Slot, after, fn)
	t.Stuck = t.Stuck || stuck
	return value, err
}

// timeout is how long one attempt may take.
func (w *Walk) timeout(e *catalog.Entry) time.Duration {
	if e.Timeout > 0 {
		return e.Timeout
	}
	return w.Timeout
}

// telling is a context in which the resource can tell what it does.
func (t *Visit) telling(ctx context.Context) context.Context {
	return resources.WithTell(ctx, func(what string) { t.running(t.Redact.Text(what)) })
}

// log is a logger that names the resource.
func (t *Visit) log() *slog.Logger { return t.Log.With("resource", t.Entry.Addr) }
