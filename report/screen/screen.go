// Package screen measures and cuts what a terminal shows, and draws lines at its end again and again.
package screen

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Columns is how many columns of a terminal s takes. s must be printable.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

func columns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Shorten cuts the middle out of what takes more than n columns: both ends of an address tell something.
func Shorten(s string, n int) string {
	if Columns(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	runes := []rune(s)
	head, tail := 0, len(runes)
	for left, right := n/2, n-1-n/2; ; {
		switch {
		case columns(runes[head]) <= left:
			left -= columns(runes[head])
			head++
		case columns(runes[tail-1]) <= right:
			right -= columns(runes[tail-1])
			tail--
		default:
			// A mark that belongs to a letter which was cut would sit on the ellipsis.
			for tail < len(runes) && columns(runes[tail]) == 0 {
				tail++
			}
			return string(runes[:head]) + "…" + string(runes[tail:])
		}
	}
}

// cut cuts the end off what takes more than n columns.
func cut(s string, n int) string {
	if Columns(s) <= n {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if n -= columns(r); n < 1 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}
