// Package scrub takes sensitive values out of texts.
package scrub

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Scrubber takes sensitive values out of texts, also in the forms in which programs repeat them: base64, hexadecimal, JSON, URL, HTML
// and shell escapes, and single lines of values of several lines. Marks on values are not enough: other programs' output and library errors repeat values too.
//
// The zero value knows no secrets. It may be used by several goroutines.
type Scrubber struct {
	mu       sync.Mutex
	forms    map[string]bool
	replacer *strings.Replacer // nil where forms have come since it was made
	pieces   *fragments        // likewise
}

// Hidden stands where a sensitive value was.
const Hidden = "(sensitive value)"

// Values shorter than shortest would take innocent text apart: only their marks hide them. Of a value of several lines, lines from
// shortestLine on are hidden by themselves.
const (
	shortest     = 4
	shortestLine = 6
)

// Add makes values known.
func (s *Scrubber) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forms == nil {
		s.forms = map[string]bool{}
	}
	for _, v := range values {
		if len(v) < shortest || s.forms[v] {
			continue
		}
		s.replacer, s.pieces = nil, nil
		addForms(s.forms, v)
		if strings.ContainsAny(v, "\n\r") {
			for line := range strings.Lines(v) {
				if line = strings.TrimSpace(line); len(line) >= shortestLine {
					addForms(s.forms, line)
				}
			}
		}
	}
}

// compile makes the replacer of all forms, the longest first: a value may hold another.
func (s *Scrubber) compile() *strings.Replacer {
	sorted := slices.SortedFunc(maps.Keys(s.forms), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(sorted))
	for _, f := range sorted {
		pairs = append(pairs, f, Hidden)
	}
	return strings.NewReplacer(pairs...)
}

// Scrub returns text without the known values.
func (s *Scrubber) Scrub(text string) string {
	s.mu.Lock()
	if len(s.forms) == 0 || text == "" {
		s.mu.Unlock()
		return text
	}
	if s.replacer == nil {
		s.replacer = s.compile()
	}
	r := s.replacer
	s.mu.Unlock()
	return r.Replace(text)
}

// ScrubOutput returns output of a command without the known values, and without pieces of them where it was cut or wrapped.
func (s *Scrubber) ScrubOutput(text string) string {
	whole := s.Scrub(text)
	s.mu.Lock()
	if len(s.forms) == 0 || text == "" {
		s.mu.Unlock()
		return whole
	}
	if s.pieces == nil {
		s.pieces = newFragments(s.forms)
	}
	pieces := s.pieces
	s.mu.Unlock()
	return pieces.hide(whole, len(text) >= cutFrom)
}

// Value returns v, of what JSON makes of values, with each string as clean returns it; keys stay.
func Value(v any, clean func(string) string) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = Value(e, clean)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = Value(e, clean)
		}
		return out
	}
	return v
}
