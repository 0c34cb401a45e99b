// Package scan looks at a text of the language, in one pass over its bytes that allocates next to nothing, and finds what a parser must not be given.
package scan

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Bounds of what is parsed.
const (
	MaxDepth     = 200    // brackets, interpolations and template directives inside each other
	MaxOperators = 10_000 // operators in one expression, and steps (.name, [index]) after one operand
	maxNumber    = 512    // characters of one number
	maxExponent  = 4      // digits of a number's exponent
)

var utf8BOM = []byte("\xef\xbb\xbf")

// A Problem is the first reason found against a text.
type Problem struct {
	At      int // byte offset
	Limit   bool
	Summary string // when it is not a limit
	Detail  string
}

// Limit is a bound that is not kept at a byte.
func Limit(at int, format string, args ...any) *Problem {
	return &Problem{At: at, Limit: true, Detail: fmt.Sprintf(format, args...)}
}

// Syntax is a mistake that no parser could make anything of, at a byte.
func Syntax(at int, summary, format string, args ...any) *Problem {
	return &Problem{At: at, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

// PosAt is the position of a byte. It counts lines and columns only here, for the one text that is refused.
func PosAt(src []byte, at int) hcl.Pos {
	before := src[:at]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	column := utf8.RuneCount(before[lineStart:]) + 1
	if lineStart == 0 && bytes.HasPrefix(before, utf8BOM) {
		column--
	}
	return hcl.Pos{Line: bytes.Count(before, []byte{'\n'}) + 1, Column: column, Byte: at}
}
