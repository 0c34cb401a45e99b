package resources

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
)

// CommandError says that a command did not do what it should. Its text is the summary; the last lines of output are apart.
type CommandError struct {
	ExitCode int    // 128+n for a signal n
	Err      error  // why the command did not end by itself, or more about the exit code; nil if the code says it all
	Tail     string // the last lines of its output, both streams as they came; bounded in size
	Attr     string // the attribute that the command is of, "" if of none
}

// Error is "exit code 3", "exit code 137 (killed)" or, of a command that was not let end, the reason: "timed out after 1s".
func (e *CommandError) Error() string {
	if e.ExitCode == 0 && e.Err != nil {
		return e.Err.Error()
	}
	text := fmt.Sprintf("exit code %d", e.ExitCode)
	if n := e.ExitCode - 128; n > 0 && n < 65 {
		text += fmt.Sprintf(" (%s)", syscall.Signal(n))
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *CommandError) Unwrap() error { return e.Err }

// Detail returns the last lines of output, for the reader of the report.
func (e *CommandError) Detail() string { return e.Tail }

// Attribute returns the attribute whose place in the manifest the error is told with.
func (e *CommandError) Attribute() string { return e.Attr }

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
