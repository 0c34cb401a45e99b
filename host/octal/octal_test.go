package octal

import "testing"

func TestUnescape(t *testing.T) {
	for escaped, want := range map[string]string{
		"": "", "/data": "/data", `/my\040disk`: "/my disk", `a\011b\012c\134d`: "a\tb\nc\\d", `\040`: " ", `\303\244`: "ä",
		`\`: `\`, `\04`: `\04`, `\04x`: `\04x`, `\400`: `\400`, `\08a`: `\08a`, `\+40`: `\+40`, `a\`: `a\`,
	} {
		if got := Unescape(escaped); got != want {
			t.Errorf("%q: want %q, got %q", escaped, want, got)
		}
	}
}

func TestEscape(t *testing.T) {
	for plain, want := range map[string]string{"/data": "/data", "/my disk": `/my\040disk`, "a\tb\nc\\d\re\vf\fg": `a\011b\012c\134d\015e\013f\014g`} {
		got := Escape(plain)
		if got != want || Unescape(got) != plain {
			t.Errorf("%q: want %s, got %s, read again %q", plain, want, got, Unescape(got))
		}
	}
}
