// Package redact turns what resources say into what a report may: without sensitive values, and with the place in the manifest.
package redact

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/scrub"
	"github.com/nodeapply/apply/resources"
)

// Redactor takes sensitive values out of what is told.
type Redactor struct {
	Text   func(string) string // of any text
	Output func(string) string // of the output of commands, which may be cut and wrapped
	// Secret, if not nil, says of which attributes earlier runs made the values sensitive, though the manifest no longer does.
	Secret func(e *catalog.Entry, attr string) bool
}

// New returns the Redactor by its functions: without text nothing is sensitive, without output it is text, without secret earlier runs had no secrets.
func New(text, output func(string) string, secret func(*catalog.Entry, string) bool) Redactor {
	if text == nil {
		text = func(s string) string { return s }
	}
	if output == nil {
		output = text
	}
	return Redactor{text, output, secret}
}

// Texts redacts each text.
func (r Redactor) Texts(texts []string) []string {
	var out []string
	for _, s := range texts {
		out = append(out, r.Text(s))
	}
	return out
}

// Changes makes changes of an entry printable.
func (r Redactor) Changes(e *catalog.Entry, changes []resources.Change) []report.Change {
	out := make([]report.Change, len(changes))
	for i, c := range changes {
		if slices.Contains(e.Sensitive, c.Attr) || r.Secret != nil && r.Secret(e, c.Attr) {
			out[i] = report.Change{Attribute: c.Attr, Before: scrub.Hidden, After: scrub.Hidden, Hidden: hash(c)}
		} else {
			out[i] = report.Change{Attribute: c.Attr, Before: r.Text(c.From), After: r.Text(c.To), Diff: r.Text(c.Text)}
		}
	}
	return out
}

// hash tells a change whose values are hidden from another.
func hash(c resources.Change) string {
	h := sha256.New()
	for _, text := range []string{c.From, c.To, c.Text} {
		fmt.Fprintf(h, "%d %s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Error is what a report says of an error of an entry, which came about when it tried to make changes.
func (r Redactor) Error(e *catalog.Entry, err error, tried ...resources.Change) *report.Error {
	return &report.Error{Summary: r.Text(err.Error()), Detail: r.detail(err), Pos: place(e, err, tried).Range(), Err: err}
}

// Brief is what a warning says of an error: the last line of what a command said of it too.
func (r Redactor) Brief(err error) string {
	text, said := r.Text(err.Error()), strings.TrimSpace(r.detail(err))
	if said != "" {
		text += ": " + said[strings.LastIndexByte(said, '\n')+1:]
	}
	return text
}

// detail is what a command said of an error, "" if none did.
func (r Redactor) detail(err error) string {
	var d interface{ Detail() string }
	if !errors.As(err, &d) {
		return ""
	}
	return r.Output(d.Detail())
}

// place is the one that the error names, by itself or as an attribute; else that of the first declared one that was tried, else of the block.
func place(e *catalog.Entry, err error, tried []resources.Change) catalog.Pos {
	var placed interface{ Position() catalog.Pos }
	if errors.As(err, &placed) {
		return placed.Position()
	}
	if e.AttrPos == nil {
		return e.Pos
	}
	var attr interface{ Attribute() string }
	if errors.As(err, &attr) {
		return e.AttrPos(attr.Attribute())
	}
	for _, c := range tried {
		if pos := e.AttrPos(c.Attr); pos != e.Pos {
			return pos
		}
	}
	return e.Pos
}
