package redact

import (
	"context"
	"log/slog"
)

// Handler is a slog.Handler that keeps sensitive values from another.
func (r Redactor) Handler(to slog.Handler) slog.Handler { return handler{to, r} }

type handler struct {
	slog.Handler
	redact Redactor
}

// Handle takes a message for a line of output, or a part of a long one.
func (h handler) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, h.redact.Output(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(h.attrs(attrs)), h.redact}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.redact}
}

func (h handler) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return clean
}

// attr redacts what stands in an attribute. A value without anything sensitive keeps its kind.
func (h handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(h.attrs(v.Group())...)}
	}
	text := v.String()
	if clean := h.redact.Text(text); clean != text {
		v = slog.StringValue(clean)
	}
	return slog.Attr{Key: a.Key, Value: v}
}
