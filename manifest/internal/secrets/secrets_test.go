package secrets

import (
	"strings"
	"testing"
)

// TestExcerptsOfBrokenSecrets: an expression that makes something sensitive and cannot be evaluated is shown without its literals.
func TestExcerptsOfBrokenSecrets(t *testing.T) {
	for name, expr := range map[string]string{
		"a literal":                 `sensitive(uper("hunter2"))`,
		"an escaped quote":          `sensitive(uper("x\"hunter2"))`,
		"in a template":             `"${sensitive(uper("hunter2"))} more"`,
		"a template in the literal": `sensitive(uper("a ${var.x} hunter2"))`,
		"the JSON syntax":           `"${sensitive(uper(\"hunter2\"))}"`,
		"a heredoc":                 "sensitive(uper(<<EOT\n  hunter2\nEOT\n))",
	} {
		s := New(nil)
		s.Quoted(expr)
		if got := s.Redact("  content = " + expr); strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s", name, got)
		}
	}
	s := New(nil)
	s.Quoted(`upper("plain")`)
	if got := s.Redact("plain"); got != "plain" {
		t.Errorf("nothing sensitive: %s", got)
	}
}
