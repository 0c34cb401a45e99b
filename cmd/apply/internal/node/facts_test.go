package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteFacts(t *testing.T) {
	all := []found{
		{name: "text", value: "a \"b\"", ok: true}, {name: "none", ok: true}, {name: "count", value: 3, ok: true},
		{name: "nested", value: map[string]any{"<x>": []any{"y"}}, ok: true}, {name: "hostile", value: "a\x1b[2J\nb", ok: true},
		{name: "hostile.nested", value: []any{"\x1b\u202e\u0085"}, ok: true},
	}
	for name, test := range map[string]struct {
		write func(*strings.Builder) error
		want  string
	}{
		"a line each": {func(b *strings.Builder) error { return writeFacts(b, all) },
			"text = a \"b\"\nnone = \ncount = 3\nnested = {\"<x>\":[\"y\"]}\nhostile = a\\x1b[2J\\nb\nhostile.nested = [\"\\u001b\\u202e\\u0085\"]\n"},
		"one":  {func(b *strings.Builder) error { return writeBareFact(b, all[3:4]) }, "{\n  \"<x>\": [\n    \"y\"\n  ]\n}\n"},
		"JSON": {func(b *strings.Builder) error { return writeFactsJSON(b, all[:3]) }, `{"count":3,"none":null,"text":"a \"b\""}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := test.write(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
