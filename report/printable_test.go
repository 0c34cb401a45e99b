package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a terminal would obey is shown, and all else stays as it is.
func TestPrintable(t *testing.T) {
	for name, tt := range map[string]struct{ s, want string }{
		"nothing":                     {"", ""},
		"the first and the last":      {" ~", " ~"},
		"a tab":                       {"a\tb", "a\tb"},
		"a line's end":                {"a\nb", `a\nb`},
		"the last of the controls":    {"a\x1fb", `a\x1fb`},
		"an escape":                   {"\x1b[2J", `\x1b[2J`},
		"delete":                      {"a\x7f", `a\x7f`},
		"a control of the upper half": {"a\u009bb", `a\u009bb`},
		"letters that are not ASCII":  {"größer 日本 \U0001f427", "größer 日本 \U0001f427"},
		"the direction of writing":    {"é\u202eb\u2066", `é\u202eb\u2066`},
		"other ends of lines":         {"a\u2028b\u2029", `a\u2028b\u2029`},
		"not UTF-8":                   {"é\xff\x80", `é\xff\x80`},
		"not UTF-8, of ASCII":         {"a\xe9b", `a\xe9b`},
		"what stands for such bytes":  {"a\ufffdb", "a\ufffdb"},
		"a backslash":                 {`a\nb`, `a\nb`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Printable(tt.s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A shell reads one word of it: that text, when there was nothing to escape.
func TestWord(t *testing.T) {
	for s, want := range map[string]string{
		"":                    "''",
		"azAZ09/._-+:@%=,":    "azAZ09/._-+:@%=,",
		"a b":                 "'a b'",
		"$(reboot)":           "'$(reboot)'",
		"a;b":                 "'a;b'",
		"it's":                `'it'\''s'`,
		"é":                   "'é'",
		"a\nb":                `'a\nb'`,
		"~":                   "'~'",
		"[a]":                 "'[a]'",
		"file[\"/etc/motd\"]": `'file["/etc/motd"]'`,
	} {
		t.Run(s, func(t *testing.T) {
			if diff := cmp.Diff(want, Word(s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
