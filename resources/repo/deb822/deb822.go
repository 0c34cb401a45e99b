// Package deb822 edits files of paragraphs of "Key: value" lines (apt's .sources, deb822(5)) and keeps every byte that it is not
// asked to change.
package deb822

import (
	"slices"
	"strings"
)

// Document is such a file. Parse(text).String() is text, whatever text is.
type Document struct{ blocks []block }

// block is a paragraph, or the blank lines and lone comments between paragraphs.
type block struct {
	stanza *Stanza
	gap    string
}

// Stanza is one paragraph.
type Stanza struct{ items []item }

// item is a field with its continuation lines, or, without a key, lines that are no field.
type item struct{ key, text string }

// is says whether it is the field of that key, in which case means nothing.
func (it item) is(key string) bool { return it.key != "" && strings.EqualFold(it.key, key) }

// Parse reads a file. Lines that are neither fields, continuations, comments nor blank are kept and mean nothing.
func Parse(text string) *Document {
	d := &Document{}
	var paragraph []string
	flush := func() {
		if len(paragraph) == 0 {
			return
		}
		if s := parseStanza(paragraph); s.hasField() {
			d.blocks = append(d.blocks, block{stanza: s})
		} else {
			d.blocks = append(d.blocks, block{gap: strings.Join(paragraph, "")})
		}
		paragraph = nil
	}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			flush()
			d.blocks = append(d.blocks, block{gap: line})
			continue
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return d
}

func parseStanza(lines []string) *Stanza {
	s := &Stanza{}
	for i := 0; i < len(lines); {
		key, _, isField := strings.Cut(lines[i], ":")
		if !isField || key == "" || strings.ContainsAny(key, " \t#") {
			s.items = append(s.items, item{text: lines[i]})
			i++
			continue
		}
		end := i + 1
		for j := end; j < len(lines); j++ { // comments may stand between a field's lines
			if isContinuation(lines[j]) {
				end = j + 1
			} else if lines[j][0] != '#' {
				break
			}
		}
		s.items = append(s.items, item{key: key, text: strings.Join(lines[i:end], "")})
		i = end
	}
	return s
}

func isContinuation(line string) bool { return line[0] == ' ' || line[0] == '\t' }

func (s *Stanza) hasField() bool {
	return slices.ContainsFunc(s.items, func(it item) bool { return it.key != "" })
}

// String is the file's text.
func (d *Document) String() string {
	var b strings.Builder
	for _, bl := range d.blocks {
		b.WriteString(bl.gap)
		if bl.stanza != nil {
			for _, it := range bl.stanza.items {
				b.WriteString(it.text)
			}
		}
	}
	return b.String()
}

// Stanzas lists the paragraphs that have fields.
func (d *Document) Stanzas() []*Stanza {
	var list []*Stanza
	for _, b := range d.blocks {
		if b.stanza != nil {
			list = append(list, b.stanza)
		}
	}
	return list
}

// Add appends an empty paragraph.
func (d *Document) Add() *Stanza {
	s := &Stanza{}
	if text := d.String(); text != "" {
		if !strings.HasSuffix(text, "\n") {
			d.blocks = append(d.blocks, block{gap: "\n"})
		}
		d.blocks = append(d.blocks, block{gap: "\n"})
	}
	d.blocks = append(d.blocks, block{stanza: s})
	return s
}

// Remove takes a paragraph away, with one blank line after it.
func (d *Document) Remove(s *Stanza) {
	for i, b := range d.blocks {
		if b.stanza != s {
			continue
		}
		end := i + 1
		if end < len(d.blocks) && d.blocks[end].stanza == nil && strings.TrimSpace(d.blocks[end].gap) == "" {
			end++
		}
		d.blocks = append(d.blocks[:i], d.blocks[end:]...)
		return
	}
}

// Get returns a field's value: its lines without indentation, joined by newlines; a line "." stands for an empty one. Keys are
// compared without regard to case.
func (s *Stanza) Get(key string) (value string, ok bool) {
	i := s.index(key)
	if i < 0 {
		return "", false
	}
	_, text, _ := strings.Cut(s.items[i].text, ":")
	var lines []string
	for line := range strings.Lines(text) {
		if len(lines) > 0 && line[0] == '#' {
			continue
		}
		line = strings.TrimSpace(line)
		if line == "." {
			line = ""
		}
		lines = append(lines, line)
	}
	return strings.TrimPrefix(strings.Join(lines, "\n"), "\n"), true
}

// Set gives a field a value, in its place or at the paragraph's end. A value of several lines starts on the line after the key, and its
// empty lines are written as ".".
func (s *Stanza) Set(key, value string) {
	text := key + ": " + value + "\n"
	if strings.Contains(value, "\n") {
		var b strings.Builder
		b.WriteString(key + ":\n")
		for line := range strings.SplitSeq(value, "\n") {
			if strings.TrimSpace(line) == "" {
				line = "."
			}
			b.WriteString(" " + line + "\n")
		}
		text = b.String()
	}
	if i := s.index(key); i >= 0 {
		s.items[i] = item{s.items[i].key, text}
		return
	}
	if n := len(s.items); n > 0 && !strings.HasSuffix(s.items[n-1].text, "\n") {
		s.items[n-1].text += "\n"
	}
	s.items = append(s.items, item{key, text})
}

// Delete removes a field.
func (s *Stanza) Delete(key string) {
	s.items = slices.DeleteFunc(s.items, func(it item) bool { return it.is(key) })
}

func (s *Stanza) index(key string) int {
	return slices.IndexFunc(s.items, func(it item) bool { return it.is(key) })
}
