package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mitchellh/go-wordwrap"
	"golang.org/x/text/width"
)

// TextOptions say how diagnostics look.
type TextOptions struct {
	Width int // columns at which details are wrapped and excerpts cut; 0: not at all
	Color bool
}

// WriteText prints every diagnostic with its place, the lines it is about and what to do.
func (l List) WriteText(w io.Writer, o TextOptions) error {
	var b strings.Builder
	for _, d := range l {
		d.text(&b, o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (d Diagnostic) text(b *strings.Builder, o TextOptions) {
	label, on, off := "Error", "", ""
	if d.Severity == Warning {
		label = "Warning"
	}
	if o.Color {
		on, off = "\x1b[31m", "\x1b[0m"
		if d.Severity == Warning {
			on = "\x1b[33m"
		}
	}
	fmt.Fprintf(b, "%s%s%s: %s\n", on, label, off, inLine(d.Summary))
	detail := printable(d.Detail)
	switch {
	case d.Pos.File == "":
	case d.Pos.Line == 0 && detail != "": // a file, or a flag, as a whole
		first, size := utf8.DecodeRuneInString(detail)
		detail = inLine(d.Pos.Range()) + ": " + string(unicode.ToLower(first)) + detail[size:]
	default:
		fmt.Fprintf(b, "  %s", inLine(d.Pos.Range()))
		if d.Snippet != nil && d.Snippet.Context != "" {
			fmt.Fprintf(b, ", in %s", inLine(d.Snippet.Context))
		}
		b.WriteString(":\n")
	}
	if d.Snippet != nil {
		d.Snippet.text(b, on, off, o)
	}
	if detail != "" {
		if o.Width > 4 {
			detail = wordwrap.WrapString(detail, uint(o.Width-2))
		}
		for line := range strings.Lines(strings.TrimRight(detail, "\n") + "\n") {
			if line != "\n" {
				b.WriteString("  ")
			}
			b.WriteString(line)
		}
	}
	b.WriteString("\n")
}

// gutter is how many columns stand before the lines of an excerpt.
const gutter = 9

// text prints the lines with their numbers, and marks the place below the first of them. Lines that are wider than the screen are cut: the marks would stand
// below what the terminal puts on a line of its own.
func (s *Snippet) text(b *strings.Builder, on, off string, o TextOptions) {
	for i, line := range strings.Split(s.Code, "\n") {
		part := Snippet{Code: strings.TrimSuffix(line, "\r")}
		if i == 0 {
			part.Start, part.End = s.Start, min(s.End, len(part.Code))
		}
		if o.Width > gutter+30 {
			part.clip(o.Width - gutter)
		}
		line = part.Code
		fmt.Fprintf(b, "  %4d | %s\n", int(s.Line)+i, printable(line))
		if i > 0 || s.End <= s.Start && s.Start == 0 || part.Start > len(line) { // of nothing in a line, its place is shown
			continue
		}
		marked := 0
		for _, r := range strings.Map(blank, line[part.Start:max(part.Start, part.End)]) {
			if marked++; r == wide {
				marked++
			}
		}
		fmt.Fprintf(b, "       | %s%s%s%s\n", strings.Map(blank, line[:part.Start]), on, strings.Repeat("^", max(marked, 1)), off)
	}
}

// wide is the blank that takes two columns.
const wide = '\u3000'

// blank is what takes as much of a line as r does.
func blank(r rune) rune {
	switch {
	case r == '\t':
		return r
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) && r > unicode.MaxASCII:
		return -1
	case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
		return wide
	}
	return ' '
}

// printable keeps a hostile manifest from writing control codes to a terminal, and from turning the direction of writing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// inLine is printable for what has no lines: names.
func inLine(s string) string { return strings.ReplaceAll(printable(s), "\n", "\uFFFD") }

// MarshalJSON gives severity, summary, detail, range and snippet.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	type pos struct {
		Line   int32 `json:"line"`
		Column int32 `json:"column"`
	}
	type rng struct {
		Filename string `json:"filename"`
		Start    *pos   `json:"start,omitempty"`
		End      *pos   `json:"end,omitempty"`
	}
	type snip struct {
		Context   string `json:"context,omitempty"`
		Code      string `json:"code"`
		StartLine int32  `json:"start_line"`
		Start     int    `json:"highlight_start_offset"`
		End       int    `json:"highlight_end_offset"`
	}
	out := struct {
		Severity Severity `json:"severity"`
		Summary  string   `json:"summary"`
		Detail   string   `json:"detail,omitempty"`
		Range    *rng     `json:"range,omitempty"`
		Snippet  *snip    `json:"snippet,omitempty"`
	}{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail}
	if d.Pos.File != "" {
		out.Range = &rng{Filename: d.Pos.File}
		if d.Pos.Line > 0 { // else it is about the file, or about a flag
			out.Range.Start, out.Range.End = &pos{d.Pos.Line, d.Pos.Column}, &pos{d.Pos.EndLine, d.Pos.EndColumn}
		}
	}
	if s := d.Snippet; s != nil {
		out.Snippet = &snip{s.Context, s.Code, s.Line, s.Start, s.End}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // who asks for it may still have it so
	err := enc.Encode(out)
	return b.Bytes(), err
}
