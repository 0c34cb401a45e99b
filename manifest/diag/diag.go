// Package diag holds the mistakes that are found in manifests, and prints them with the lines they are about.
//
// A Diagnostic is plain data: nothing of it refers to the language's own packages, and no sensitive value is in it.
package diag

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources/nearest"
)

// Severity is "error" or "warning".
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one mistake.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	Pos      catalog.Pos // what it is about
	Snippet  *Snippet    // nil where there is no source to show
}

// Snippet is the part of a manifest that a Diagnostic is about.
type Snippet struct {
	Context string // the block it stands in: file "/etc/motd"
	Line    int32  // of the first line of Code
	Code    string // whole lines, unless they are very long
	Start   int    // the bytes of Code that the mistake is about
	End     int
}

// List is what was found, by file and position.
type List []Diagnostic

// HasErrors says whether anything worse than a warning is in l.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Error is all of l as plain text, so that a List can be returned as an error.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// String is FILE:LINE: summary; detail.
func (d Diagnostic) String() string {
	s := d.Summary
	if d.Detail != "" {
		s += "; " + d.Detail
	}
	if d.Pos.File == "" {
		return s
	}
	return d.Pos.String() + ": " + s
}

// Errorf is a mistake at a place.
func Errorf(at *hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: at}
}

// Sources finds manifests by the names that positions use; nil for one that is not known.
type Sources interface{ File(name string) *hcl.File }

// In, as the Extra of one of the language's diagnostics, is the address of what the mistake was met in, where the block alone does not tell.
type In string

// Unshown, as the Extra of one of the language's diagnostics, keeps the excerpt out: what stands there may be secret.
type Unshown struct{}

// From turns the language's diagnostics into a List in order of position, each once, with what it was met in, and few of those that differ in their
// details alone. Redact takes secrets out of a text; nil: there are none.
//
// The language's own idea of showing the values of variables is not followed: it would print secrets.
func From(ds hcl.Diagnostics, src Sources, redact func(string) string) List {
	if redact == nil {
		redact = func(text string) string { return text }
	}
	kept := fold(ds)
	list := make(List, len(kept))
	for i, k := range kept {
		d, out := k.Diagnostic, &list[i]
		*out = Diagnostic{Severity: Error, Summary: redact(d.Summary), Detail: redact(wording(d.Detail)) + redact(k.others())}
		if d.Severity == hcl.DiagWarning {
			out.Severity = Warning
		}
		if d.Subject == nil {
			continue
		}
		out.Pos = Pos(*d.Subject)
		if _, hidden := d.Extra.(Unshown); !hidden {
			out.Snippet = snippet(src.File(d.Subject.Filename), *d.Subject, redact)
		}
	}
	slices.SortStableFunc(list, func(a, b Diagnostic) int { return compare(a.Pos, b.Pos) })
	return list
}

func compare(a, b catalog.Pos) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Pos is a range of the language as a position.
func Pos(r hcl.Range) catalog.Pos {
	return catalog.Pos{
		File: r.Filename, Line: int32(r.Start.Line), Column: int32(r.Start.Column), EndLine: int32(r.End.Line), EndColumn: int32(r.End.Column),
	}
}

// Range is a position as a range of the language.
func Range(p catalog.Pos) *hcl.Range {
	return &hcl.Range{
		Filename: p.File, Start: hcl.Pos{Line: int(p.Line), Column: int(p.Column)}, End: hcl.Pos{Line: int(p.EndLine), Column: int(p.EndColumn)},
	}
}

var didYouMean = regexp.MustCompile(`\. Did you mean "([^"]*)"\?`)

// wording makes the parser's suggestions read like ours.
func wording(detail string) string {
	detail = didYouMean.ReplaceAllString(detail, "; did you mean `$1`?")
	if question, ok := strings.CutSuffix(detail, "`?."); ok { // of a mistake inside of another
		return question + "`?"
	}
	return detail
}

// Suggest ends a sentence: "; did you mean `x`?" with the one of names that is meant by given, "." if that is none.
func Suggest(given string, names []string) string {
	if near := Meant(given, names); near != "" {
		return "; did you mean `" + near + "`?"
	}
	return "."
}

// Meant is the one of names that is meant by a word: what other tools call so, else the nearest, "" if none is near.
func Meant(given string, names []string) string {
	other, known := habits[given]
	for _, meant := range other {
		if slices.Contains(names, meant) {
			return meant
		}
	}
	if known && len(other) == 0 {
		return ""
	}
	if len(given) < 3 { // everything is near to it
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return given == "" || !strings.HasPrefix(n, given[:1]) || len(n) > len(given)+1 })
	}
	if near := nearest.Of(given, names); near != given {
		return near
	}
	return ""
}

// maxCode bounds the lines of an excerpt.
const maxCode = 8

func snippet(file *hcl.File, r hcl.Range, redact func(string) string) *Snippet {
	if file == nil || r.Start.Byte > len(file.Bytes) || len(file.Bytes) == 0 || r.Start.Line == 0 {
		return nil
	}
	src := file.Bytes
	if r.End.Byte == 0 { // a place that knows only lines and columns
		r.Start.Byte = offset(src, r.Start)
		r.End.Byte = offset(src, r.End)
	}
	start := bytes.LastIndexByte(src[:r.Start.Byte], '\n') + 1
	end := min(max(r.End.Byte, r.Start.Byte), len(src))
	stop := start
	for range maxCode {
		next := bytes.IndexByte(src[stop:], '\n')
		if next < 0 {
			stop = len(src)
			break
		}
		stop += next + 1
		if stop >= end {
			break
		}
	}
	code := strings.TrimSuffix(string(src[start:stop]), "\n")
	s := &Snippet{Line: int32(r.Start.Line), Code: code, Start: r.Start.Byte - start, End: min(end-start, len(code))}
	if nav, ok := file.Nav.(interface{ ContextString(offset int) string }); ok && !strings.HasSuffix(r.Filename, ".json") {
		s.Context = redact(nav.ContextString(r.Start.Byte))
	}
	if clean := redact(code); clean != code {
		s.Code, s.Start, s.End = clean, 0, 0
	}
	s.clip(maxWidth)
	return s
}

// maxWidth bounds the bytes of an excerpt.
const maxWidth = 400

// clip keeps the part of a very long line that the mistake is about: at most most bytes.
func (s *Snippet) clip(most int) {
	if len(s.Code) <= most {
		return
	}
	const dots = "..."
	most -= 2 * len(dots)
	from := max(0, min(s.Start-most/4, len(s.Code)-most))
	to := min(len(s.Code), from+most)
	for from > 0 && !utf8.RuneStart(s.Code[from]) {
		from--
	}
	for to < len(s.Code) && !utf8.RuneStart(s.Code[to]) {
		to--
	}
	head, tail := "", ""
	if from > 0 {
		head = dots
	}
	if to < len(s.Code) {
		tail = dots
	}
	s.Code = head + s.Code[from:to] + tail
	s.Start = max(s.Start-from, 0) + len(head)
	s.End = min(s.End-from+len(head), len(s.Code)-len(tail))
}

// offset finds the byte of a line and a column, both counted from 1. A column is taken for a rune, which it nearly always is.
func offset(src []byte, pos hcl.Pos) int {
	at := 0
	for ; pos.Line > 1; pos.Line-- {
		next := bytes.IndexByte(src[at:], '\n')
		if next < 0 {
			return at
		}
		at += next + 1
	}
	for ; pos.Column > 1 && at < len(src) && src[at] != '\n'; pos.Column-- {
		_, n := utf8.DecodeRune(src[at:])
		at += n
	}
	return at
}
