package report

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Scrubber takes sensitive values out of texts, also in the forms in which programs repeat them: base64, hexadecimal, JSON and URL escapes,
// and single lines of values of several lines. Marks on values are not enough: other programs' output and library errors repeat values too.
//
// The zero value knows no secrets. Secrets may be added while texts are scrubbed.
type Scrubber struct {
	known atomic.Pointer[known]
}

type known struct {
	forms    map[string]bool
	replacer *strings.Replacer
}

// Values shorter than shortest would take innocent text apart: only their marks hide them. Of a value of several lines, lines from
// shortestLine on are hidden by themselves.
const (
	shortest     = 4
	shortestLine = 6
	hiddenValue  = "(sensitive value)"
)

// Add makes values known. It must not be called by several goroutines at a time.
func (s *Scrubber) Add(values ...string) {
	forms := map[string]bool{}
	if k := s.known.Load(); k != nil {
		for f := range k.forms {
			forms[f] = true
		}
	}
	had := len(forms)
	for _, v := range values {
		if len(v) < shortest {
			continue
		}
		addForms(forms, v)
		if strings.ContainsAny(v, "\n\r") {
			for line := range strings.Lines(v) {
				if line = strings.TrimSpace(line); len(line) >= shortestLine {
					addForms(forms, line)
				}
			}
		}
	}
	if len(forms) == had {
		return
	}
	// The longest first: a value may hold another.
	sorted := make([]string, 0, len(forms))
	for f := range forms {
		sorted = append(sorted, f)
	}
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(sorted))
	for _, f := range sorted {
		pairs = append(pairs, f, hiddenValue)
	}
	s.known.Store(&known{forms: forms, replacer: strings.NewReplacer(pairs...)})
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
	k := s.known.Load()
	if k == nil || text == "" {
		return text
	}
	return k.replacer.Replace(text)
}
