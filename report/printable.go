package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable escapes what a terminal would obey instead of show: control characters, bytes that are not UTF-8, and the characters that
// turn the direction of writing. Tabs stay.
func Printable(s string) string {
	if ascii(s) || strings.IndexFunc(s, hostile) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])+0x100, 16)[1:])
		case hostile(r):
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// ascii says of nearly all that is shown, a byte at a time, that nothing is to be escaped: it is ASCII without control characters.
func ascii(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

func hostile(r rune) bool {
	if r < '\x7f' {
		return r < ' ' && r != '\t'
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Shown is the printable text of a value, which may be empty.
func Shown(value string) string {
	if value == "" {
		return "(none)"
	}
	return Printable(value)
}

// Word writes s as one word of a shell, printable.
func Word(s string) string {
	s = Printable(s)
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
