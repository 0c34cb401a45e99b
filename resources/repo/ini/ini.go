// Package ini edits files of [sections] of "key = value" lines (yum's and zypper's .repo files, pacman.conf) and keeps every byte
// that it is not asked to change.
package ini

import (
	"slices"
	"strings"
)

// Style is how a family of files is written.
type Style struct {
	// Continued: an indented line continues the value before it. Otherwise indentation means nothing and a key may repeat.
	Continued bool
	Assign    string // what a new line has between key and value: "=" or " = "
}

// The styles.
var (
	Yum    = Style{Continued: true, Assign: "="}
	Pacman = Style{Assign: " = "}
)

// File is such a file. Parse(style, text).String() is text, whatever text is.
type File struct {
	style    Style
	sections []*Section // the first has no header: what is before any
}

// Section is one section. A key is compared as it is written.
type Section struct {
	Name   string
	style  Style
	header string
	lines  []line
}

// line is a key's line with its continuations, or, without a key, a comment, a blank line or what is not understood.
type line struct{ key, text string }

// Parse reads a file.
func Parse(style Style, text string) *File {
	current := &Section{style: style}
	f := &File{style: style, sections: []*Section{current}}
	for l := range strings.Lines(text) {
		trimmed := strings.TrimSpace(l)
		indented := l[0] == ' ' || l[0] == '\t'
		last := len(current.lines) - 1
		switch {
		case style.Continued && indented && trimmed != "" && last >= 0 && current.lines[last].key != "":
			current.lines[last].text += l
		case strings.HasPrefix(trimmed, "[") && strings.Contains(trimmed, "]"):
			current = &Section{Name: trimmed[1:strings.IndexByte(trimmed, ']')], style: style, header: l}
			f.sections = append(f.sections, current)
		default:
			current.lines = append(current.lines, line{keyOf(style, trimmed), l})
		}
	}
	return f
}

func keyOf(style Style, trimmed string) string {
	if trimmed == "" || trimmed[0] == '#' || style.Continued && trimmed[0] == ';' {
		return ""
	}
	key, _, ok := strings.Cut(trimmed, "=")
	if !ok && style.Continued {
		return ""
	}
	return strings.TrimSpace(key)
}

// String is the file's text.
func (f *File) String() string {
	var b strings.Builder
	for _, s := range f.sections {
		b.WriteString(s.header)
		for _, l := range s.lines {
			b.WriteString(l.text)
		}
	}
	return b.String()
}

// Section returns the first section of that name, or nil.
func (f *File) Section(name string) *Section {
	for _, s := range f.sections[1:] {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Names lists the sections.
func (f *File) Names() []string {
	var names []string
	for _, s := range f.sections[1:] {
		names = append(names, s.Name)
	}
	return names
}

// Add appends a section, after a blank line.
func (f *File) Add(name string) *Section {
	if text := f.String(); text != "" {
		last := f.sections[len(f.sections)-1]
		if !strings.HasSuffix(text, "\n") {
			last.lines = append(last.lines, line{"", "\n"})
		}
		last.lines = append(last.lines, line{"", "\n"})
	}
	s := &Section{Name: name, style: f.style, header: "[" + name + "]\n"}
	f.sections = append(f.sections, s)
	return s
}

// Remove takes a section away, with the blank lines after it. Comments after its last key stay: they may speak of what follows.
func (f *File) Remove(s *Section) {
	for i, other := range f.sections {
		if other != s || i == 0 {
			continue
		}
		rest := s.lines[s.lastKey()+1:]
		for len(rest) > 0 && strings.TrimSpace(rest[0].text) == "" {
			rest = rest[1:]
		}
		before := f.sections[i-1]
		before.lines = append(before.lines, rest...)
		f.sections = slices.Delete(f.sections, i, i+1)
		return
	}
}

func (s *Section) lastKey() int {
	for i, l := range slices.Backward(s.lines) {
		if l.key != "" {
			return i
		}
	}
	return -1
}

// Get returns the values of a key: one a line, continuations included. A key without a value has the value "".
func (s *Section) Get(key string) (values []string, ok bool) {
	for _, l := range s.lines {
		if l.key != key {
			continue
		}
		if s.style.Continued {
			values = nil // the last one counts
		}
		ok = true
		_, value, _ := strings.Cut(l.text, "=")
		for v := range strings.Lines(value) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	if ok && len(values) == 0 {
		values = []string{""}
	}
	return values, ok
}

// Set gives a key its values, in place of the first line that it has, or after the section's last key.
func (s *Section) Set(key string, values []string) {
	at, prefix := -1, key+s.style.Assign
	for i, l := range s.lines {
		if l.key == key && at < 0 {
			at = i
			if before, after, ok := strings.Cut(l.text, "="); ok {
				prefix = before + "=" + after[:len(after)-len(strings.TrimLeft(after, " \t"))]
			}
		}
	}
	var fresh []line
	if s.style.Continued {
		fresh = []line{{key, prefix + strings.Join(values, "\n\t") + "\n"}}
	} else {
		for _, v := range values {
			fresh = append(fresh, line{key, prefix + v + "\n"})
		}
	}
	if at < 0 {
		at = s.lastKey() + 1
		s.endLine(at - 1)
	} else {
		s.Delete(key)
	}
	s.lines = append(s.lines[:at], append(fresh, s.lines[at:]...)...)
}

// endLine makes sure that the line before a new one ends.
func (s *Section) endLine(i int) {
	if i < 0 {
		if !strings.HasSuffix(s.header, "\n") && s.header != "" {
			s.header += "\n"
		}
		return
	}
	if !strings.HasSuffix(s.lines[i].text, "\n") {
		s.lines[i].text += "\n"
	}
}

// Delete removes a key.
func (s *Section) Delete(key string) {
	var kept []line
	for _, l := range s.lines {
		if l.key != key {
			kept = append(kept, l)
		}
	}
	s.lines = kept
}
