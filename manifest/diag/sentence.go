package diag

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Sentence begins a text with a capital, unless it begins with an address.
func Sentence(s string) string {
	if first, _, _ := strings.Cut(s, " "); strings.ContainsAny(first, "/") {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// Where is a place in the words of a message.
func Where(r *hcl.Range) string { return Pos(*r).String() }
