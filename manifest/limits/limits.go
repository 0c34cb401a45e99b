// Package limits keeps hostile or mistaken manifests from taking the process down.
//
// HCL's parser and evaluator recurse over what they are given: some hundred kilobytes of brackets end the process with a stack
// overflow that cannot be recovered, and a few nested for expressions take minutes and gigabytes. So every text is looked at
// by Check before it is parsed, in one pass over its bytes that allocates next to nothing, and everything that parses or
// evaluates is done under Run, which gives up at a deadline or a bound of memory.
//
// The promise: what passes Check is parsed by hclsyntax or by HCL's json package on a stack of less than 256 MiB.
// Every refusal for size has the word "limit" in its summary, and names file, line and column.
package limits

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/limits/internal/jsonscan"
	"github.com/nodeapply/apply/manifest/limits/internal/scan"
)

// Bounds of what is parsed, beside those of package scan.
const (
	MaxFile  = 1 << 20  // bytes of one manifest or template
	MaxTotal = 16 << 20 // bytes of all manifests of one catalog
)

// Bounds of what an expression or a function makes.
const (
	MaxString   = 16 << 20 // bytes of one string
	MaxElements = 1 << 20  // elements of one list, set or map
)

// Summary is that of every diagnostic about a bound.
const Summary = "Over the limit"

// Over says whether any of diags is about a bound.
func Over(diags hcl.Diagnostics) bool {
	return slices.ContainsFunc(diags, func(d *hcl.Diagnostic) bool { return d.Summary == Summary })
}

// Check reports why src must not be given to a parser, with one diagnostic, or nothing. The ending of filename tells the
// syntax: JSON for .json, else HCL's native one.
//
// Apart from its bounds it refuses what can never be parsed and would let the parser's nesting run away from the text's: bytes that
// are not UTF-8, a closing bracket that closes nothing or another kind of bracket, and a comment without an end.
func Check(filename string, src []byte) hcl.Diagnostics {
	if strings.EqualFold(filepath.Ext(filename), ".json") {
		return check(filename, src, jsonscan.File)
	}
	return check(filename, src, scan.Body)
}

// CheckTemplate is Check for a bare template, as hclsyntax.ParseTemplate takes it.
func CheckTemplate(filename string, src []byte) hcl.Diagnostics {
	return check(filename, src, scan.Template)
}

// CheckExpression is Check for one expression, as hclsyntax.ParseExpression takes it.
func CheckExpression(filename string, src []byte) hcl.Diagnostics {
	return check(filename, src, scan.Body) // an expression is scanned as what stands right of an attribute's "="
}

func check(filename string, src []byte, look func([]byte) *scan.Problem) hcl.Diagnostics {
	if len(src) > MaxFile {
		return hcl.Diagnostics{overLimit(filename, src, 0, len(src),
			fmt.Sprintf("A file may hold %d KiB, this one holds %d. Large content belongs into a file of its own: see file().", MaxFile>>10, len(src)>>10))}
	}
	if !utf8.Valid(src) {
		at := badUTF8(src)
		return hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Invalid character encoding",
			Detail:   fmt.Sprintf("Manifests are UTF-8 text; the byte 0x%02x does not belong here.", src[at]),
			Subject:  place(filename, src, at, at+1),
		}}
	}
	p := look(src)
	switch {
	case p == nil:
		return nil
	case p.Limit:
		return hcl.Diagnostics{overLimit(filename, src, p.At, p.At+1, p.Detail)}
	default:
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: p.Summary, Detail: p.Detail, Subject: place(filename, src, p.At, p.At+1)}}
	}
}

func overLimit(filename string, src []byte, from, to int, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: Summary, Detail: detail, Subject: place(filename, src, from, to)}
}

// place makes the range of the bytes from..to; it counts lines and columns only here, for the one text that is refused.
func place(filename string, src []byte, from, to int) *hcl.Range {
	return &hcl.Range{Filename: filename, Start: scan.PosAt(src, from), End: scan.PosAt(src, min(to, len(src)))}
}

func badUTF8(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(src) - 1
}
