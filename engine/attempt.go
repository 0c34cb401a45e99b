package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/nodeapply/apply/engine/internal/attempt"
	"github.com/nodeapply/apply/resources"
)

// TimeoutError says that an attempt did not end in time.
type TimeoutError = attempt.TimeoutError

// timeout is the deadline of one attempt.
func (t *visit) timeout() time.Duration {
	if t.e.Timeout > 0 {
		return t.e.Timeout
	}
	return t.opts.Timeout
}

// log is a logger that names the resource. It costs next to nothing until something is logged, which is seldom.
func (t *visit) log() *slog.Logger {
	return slog.New(naming{t.opts.Log.Handler(), t.e.Addr})
}

// naming is a slog.Handler that adds the resource.
type naming struct {
	to       slog.Handler
	resource resources.Address
}

func (n naming) Enabled(ctx context.Context, l slog.Level) bool { return n.to.Enabled(ctx, l) }
func (n naming) WithAttrs(attrs []slog.Attr) slog.Handler       { return n.handler().WithAttrs(attrs) }
func (n naming) WithGroup(name string) slog.Handler             { return n.handler().WithGroup(name) }

func (n naming) Handle(ctx context.Context, r slog.Record) error {
	return n.handler().Handle(ctx, r)
}

func (n naming) handler() slog.Handler {
	return n.to.WithAttrs([]slog.Attr{slog.Any("resource", n.resource)})
}

// attempt calls fn with the resource's deadline, in a goroutine that is left behind if it does not come back in time. A panic in a resource fails that resource.
func (t *visit) attempt(ctx context.Context, fn func(context.Context) error) error {
	_, err := attempted(ctx, t, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) })
	return err
}

// attempted is [visit.attempt] for an fn with a value.
func attempted[T any](ctx context.Context, t *visit, fn func(context.Context) (T, error)) (T, error) {
	ctx = resources.WithTell(resources.WithLog(ctx, t.log()), func(what string) { t.running(t.e.Addr, t.opts.Scrub(what)) })
	value, stuck, err := attempt.Do(ctx, t.hands, t.slot, t.timeout(), fn)
	t.stuck = t.stuck || stuck
	return value, err
}
