package redact_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/engine/internal/redact"
)

func TestHandler(t *testing.T) {
	hide := func(by string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, "secret", by) }
	}
	var out bytes.Buffer
	bare := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(redact.New(hide("text"), hide("output"), nil).Handler(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: bare})))
	log.Debug("below the level")
	log.With("k", "a secret").WithGroup("g").Info("the secret", "n", 7, "err", errors.New("of the secret"), slog.Group("in", "s", "secret", "b", true))
	want := `{"level":"INFO","msg":"the output","k":"a text","g":{"n":7,"err":"of the text","in":{"s":"text","b":true}}}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
