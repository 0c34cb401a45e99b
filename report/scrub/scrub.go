// Package scrub takes sensitive values out of texts.
package scrub

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Scrubber takes sensitive values out of texts, also in the forms in which programs repeat them: base64, hexadecimal, JSON and URL escapes,
// and single lines of values of several lines. Marks on values are not enough: other programs' output and library errors repeat values too.
//
// The zero value knows no secrets. It may be used by several goroutines.
type Scrubber struct {
	mu       sync.Mutex
	forms    map[string]bool
	replacer *strings.Replacer // nil where forms have come since it was made
	pieces   *fragments        // likewise
}

// Values shorter than shortest would take innocent text apart: only their marks hide them. Of a value of several lines, lines from
// shortestLine on are hidden by themselves.
const (
	shortest     = 4
	shortestLine = 6
	Hidden       = "(sensitive value)"
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

// addForms adds v and the ways in which it may be written.
func addForms(forms map[string]bool, v string) {
	add := func(f string) {
		if len(f) >= shortest {
			forms[f] = true
		}
	}
	add(v)
	if j, err := json.Marshal(v); err == nil {
		add(string(j[1 : len(j)-1]))
	}
	q := strconv.Quote(v)
	add(q[1 : len(q)-1])
	q = strconv.QuoteToASCII(v)
	add(q[1 : len(q)-1])
	add(url.QueryEscape(v))
	add(url.PathEscape(v))
	add(hex.EncodeToString([]byte(v)))
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		add(enc.EncodeToString([]byte(v)))
		if len(v) < 2*shortest {
			continue
		}
		// Inside a longer text the value may begin at any of three places of a group: then its first and last characters depend on what is beside it.
		for shift := 1; shift < 3; shift++ {
			padded := enc.EncodeToString([]byte(strings.Repeat("\x00", shift) + v))
			add(padded[4 : len(padded)-1])
		}
		if tail := len(v) % 3; tail != 0 {
			add(enc.EncodeToString([]byte(v[:len(v)-tail])))
		}
	}
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
