// Package secrets knows the sensitive values that are met while manifests are compiled, and takes them out of texts.
package secrets

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Shortest secrets that are replaced in texts: shorter ones would tear ordinary words apart.
const (
	minSecret     = 4
	minSecretLine = 6
)

// Set is the plain texts of sensitive values.
type Set struct {
	texts   map[string]struct{}
	tell    func(string)
	written func(string) bool
	names   map[string]bool // of attributes: whether they are written
}

// New returns an empty Set; tell, if not nil, is told every text when it is met. Written says whether a manifest holds a text: the name of an
// object's attribute that stands in one is no secret, and to hide it would tear reports apart.
func New(tell func(string), written func(string) bool) *Set {
	return &Set{texts: map[string]struct{}{}, tell: tell, written: written, names: map[string]bool{}}
}

// common are words that are no secrets, though they stand in sensitive values such as a list of accounts: they are in every report.
var common = []string{"true", "false", "present", "absent"}

// Add notes every text in the parts of v that are marked, but for the common ones.
func (s *Set) Add(v cty.Value) { s.walk(v, false) }

func (s *Set) note(text string) {
	if _, had := s.texts[text]; had {
		return
	}
	s.texts[text] = struct{}{}
	if s.tell != nil {
		s.tell(text)
	}
}

func (s *Set) walk(v cty.Value, marked bool) {
	if v.IsMarked() {
		v, _ = v.Unmark()
		marked = true
	}
	if v.IsNull() || !v.IsKnown() {
		return
	}
	t := v.Type()
	if t.IsPrimitiveType() {
		if text, err := convert.Convert(v, cty.String); marked && err == nil && !slices.Contains(common, text.AsString()) {
			s.note(text.AsString())
		}
		return
	}
	if !v.CanIterateElements() {
		return
	}
	for k, e := range v.Elements() {
		if k.Type() == cty.String && !(t.IsObjectType() && s.named(k.AsString())) {
			s.walk(k, marked)
		}
		s.walk(e, marked)
	}
}

// named says that a manifest writes the name of an attribute.
func (s *Set) named(attr string) bool {
	known, asked := s.names[attr]
	if !asked {
		known = s.written(attr)
		s.names[attr] = known
	}
	return known
}

// quotedText is a string literal.
var quotedText = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// marks is the name of the function that makes something sensitive, not of those that take it off or ask for it.
var marks = regexp.MustCompile(`\bsensitive\b`)

// Quoted notes the literals of an expression that could not be evaluated although it makes something sensitive.
func (s *Set) Quoted(expr string) {
	if !marks.MatchString(expr) {
		return
	}
	texts := []string{expr}
	var inner string
	if json.Unmarshal([]byte(expr), &inner) == nil { // of the JSON syntax: an expression in a string
		texts = append(texts, inner)
	}
	for _, text := range texts {
		for _, m := range quotedText.FindAllStringSubmatch(text, -1) {
			s.note(m[1])
		}
		switch {
		case strings.Contains(text, "${") || strings.Contains(text, "%{"): // literals inside of literals
			for part := range strings.SplitSeq(text, `"`) {
				s.note(part)
			}
		case strings.Contains(text, "<<"):
			for line := range strings.Lines(text) {
				s.note(strings.TrimSpace(line))
			}
		}
	}
}

// Redact replaces the secrets in a text, whole ones and their lines, the longest first.
func (s *Set) Redact(text string) string {
	if len(s.texts) == 0 {
		return text
	}
	var parts []string
	for secret := range s.texts {
		if len(secret) >= minSecret {
			parts = append(parts, secret)
		}
		for line := range strings.Lines(secret) {
			if line = strings.TrimRight(line, "\r\n"); len(line) >= minSecretLine && line != secret {
				parts = append(parts, line)
			}
		}
	}
	slices.SortFunc(parts, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, p := range parts {
		text = strings.ReplaceAll(text, p, Hidden)
	}
	return text
}

// Hidden stands for a sensitive value.
const Hidden = "(sensitive value)"
