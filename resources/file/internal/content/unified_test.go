package content

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
)

// What is added to nothing is told as the search for differences would tell it.
func TestAdded(t *testing.T) {
	for name, text := range map[string]string{
		"a line":                    "a\n",
		"no line end":               "a",
		"several lines":             "a\nb\n\nb\n",
		"several, the last is open": "a\nb",
		"empty lines":               "\n\n",
		"many":                      strings.Repeat("x\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			_, want, _ := bytes.Cut(diff.Diff("/etc/x", nil, "/etc/x", []byte(text)), []byte("\n"))
			if d := cmp.Diff(string(want), added("/etc/x", text)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "a\tb\r\n": true, "größer 語": true, "\x1b[1m": false, "\x00": false, "\x7f": false, "\u0085": false, "\xff": false, "a\xe8\xaa": false,
		"\ufffd": true,
	} {
		if got := printable([]byte(text)); got != want {
			t.Errorf("%q: want %v, got %v", text, want, got)
		}
	}
}
