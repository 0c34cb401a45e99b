package scan

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// comment returns the end of the comment that begins with the slash at i, i itself if none does.
func comment(src []byte, i int) (int, *Problem) {
	switch {
	case hasByte(src, i+1, '/'):
		return endOfLine(src, i), nil
	case !hasByte(src, i+1, '*'):
		return i, nil
	}
	n := bytes.Index(src[i+2:], []byte("*/"))
	if n < 0 {
		return i, Syntax(i, "Unterminated comment", "This comment has no \"*/\" at its end.")
	}
	return i + 2 + n + 2, nil
}

// skipBlank returns the offset behind spaces, newlines and comments.
func skipBlank(src []byte, i int) int {
	for i < len(src) {
		switch c := classes[src[i]]; {
		case c == cSpace || c == cNewline:
			i++
		case c == cHash:
			i = endOfLine(src, i)
		case c == cSlash:
			end, _ := comment(src, i) // one without an end is found by who scans on
			if end == i {
				return i
			}
			i = end
		default:
			return i
		}
	}
	return i
}

// endOfLine returns the offset of the newline that ends the line of i.
func endOfLine(src []byte, i int) int {
	if n := bytes.IndexByte(src[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(src)
}

// identEnd skips the ASCII part of a name. What is not ASCII ends it: a name counted as several operands is counted high, while
// a character that HCL takes for no part of a name must not hide the operators after it.
func identEnd(src []byte, i int) int {
	for i < len(src) && (classes[src[i]] == cIdent || classes[src[i]] == cDigit || src[i] == '-') {
		i++
	}
	return i
}

func numberEnd(src []byte, i int) int {
	for i < len(src) {
		switch c := src[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && i+1 < len(src) && classes[src[i+1]] == cDigit:
		case (c == 'e' || c == 'E') && exponent(src, i+1):
			if src[i+1] < '0' {
				i++ // its sign
			}
		default:
			return i
		}
		i++
	}
	return i
}

func exponent(src []byte, i int) bool {
	if i < len(src) && (src[i] == '+' || src[i] == '-') {
		i++
	}
	return i < len(src) && classes[src[i]] == cDigit
}

// Number bounds a number's text: converting a long one takes quadratic time, and printing 1e999999999 a gigabyte.
func Number(num []byte, at int) *Problem {
	e := bytes.LastIndexAny(num, "eE")
	if len(num) > maxNumber || e >= 0 && len(bytes.TrimLeft(num[e+1:], "+-0")) > maxExponent {
		return Limit(at, "A number may have %d characters, and %d digits in its exponent.", maxNumber, maxExponent)
	}
	return nil
}

// heredoc returns the offset behind a heredoc's introducer, which starts at i, and its marker; none if it is no heredoc.
func heredoc(src []byte, i int) (int, []byte) {
	if !hasByte(src, i+1, '<') {
		return i, nil
	}
	from := i + 2
	if hasByte(src, from, '-') {
		from++
	}
	line := src[from:endOfLine(src, from)]
	if from+len(line) == len(src) {
		return i, nil
	}
	end := from + len(line) + 1
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 || !validIdent(line) {
		return i, nil
	}
	return end, line
}

func validIdent(name []byte) bool {
	if classes[name[0]] != cIdent && name[0] < utf8.RuneSelf {
		return false
	}
	if identEnd(name, 0) == len(name) {
		return true
	}
	return !bytes.HasPrefix(name, utf8BOM) && hclsyntax.ValidIdentifier(string(name)) // which skips a byte order mark
}
