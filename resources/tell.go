package resources

import (
	"context"
	"log/slog"
)

type logKey struct{}

// WithLog returns a context in which [Log] gives what log makes: a logger that knows the resource's address. Few resources ever ask for one.
func WithLog(ctx context.Context, log func() *slog.Logger) context.Context {
	return context.WithValue(ctx, logKey{}, log)
}

// Log returns the logger for what a resource has to tell while it is being worked on, such as the output of a command. A run takes sensitive
// values out of it; outside of one it is slog.Default().
func Log(ctx context.Context) *slog.Logger {
	if log, ok := ctx.Value(logKey{}).(func() *slog.Logger); ok {
		return log()
	}
	return slog.Default()
}

type tellKey struct{}

// WithTell returns a context in which [Tell] calls tell.
func WithTell(ctx context.Context, tell func(what string)) context.Context {
	return context.WithValue(ctx, tellKey{}, tell)
}

// Tell says at what a resource is while it is being worked on: "waiting for ...", for those who look on.
func Tell(ctx context.Context, what string) {
	if tell, ok := ctx.Value(tellKey{}).(func(string)); ok {
		tell(what)
	}
}
