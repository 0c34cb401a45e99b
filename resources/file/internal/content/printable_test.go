package content

import "testing"

func TestPrintable(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "a\tb\r\n": true, "größer 語": true, "\x1b[1m": false, "\x00": false, "\x7f": false, "\u0085": false, "\xff": false, "a\xe8\xaa": false,
		"\ufffd": true,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: want %v, got %v", text, want, got)
		}
	}
}
