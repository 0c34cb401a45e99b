package screen

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrap(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
	}{
		"nothing":                  {"", ""},
		"short":                    {"Usage:\n  apply plan\n", "Usage:\n  apply plan\n"},
		"a paragraph":              {"One two three four five\nsix.\n\nSeven.\n", "One two three four\nfive six.\n\nSeven.\n"},
		"a flag":                   {"  -h, --help   help for it now\n", "  -h, --help   help\n        for it now\n"},
		"a command":                {"  plan  says what would be\n", "  plan  says what\n        would be\n"},
		"a long word":              {"a https://example.org/long b\n", "a\nhttps://example.org/long\nb\n"},
		"an example":               {"  apply --a-very-long-flag x\n", "  apply --a-very-long-flag x\n"},
		"a list":                   {"- one two three four five\n- six\n", "- one two three four\n  five\n- six\n"},
		"code":                     {"```\n- one two three four five\na\nb\n```\nc\nd\n", "```\n- one two three four five\na\nb\n```\nc d\n"},
		"a table":                  {"| a | b with much text |\n|---|---|\n", "| a | b with much text |\n|---|---|\n"},
		"letters two columns wide": {"名前 名前 名前 名前 x\n", "名前 名前 名前 名前\nx\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Wrap(c.text, 20)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
