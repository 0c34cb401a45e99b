package secrets

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

// TestAdd: what a sensitive object is about stands in the manifest, what it says does not.
func TestAdd(t *testing.T) {
	port := cty.NumberIntVal(8080)
	for name, tc := range map[string]struct {
		in   cty.Value
		want []string
	}{
		"the names of attributes": {cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("bob"), "port": port}).Mark("s"), []string{"8080", "bob"}},
		"a name that was made":    {cty.ObjectVal(map[string]cty.Value{"hunter2": port}).Mark("s"), []string{"8080", "hunter2"}},
		"the keys of a map":       {cty.MapVal(map[string]cty.Value{"user": port}).Mark("s"), []string{"8080", "user"}},
		"one part":                {cty.TupleVal([]cty.Value{cty.StringVal("open"), cty.StringVal("bob").Mark("s")}), []string{"bob"}},
		"words of every report":   {cty.TupleVal([]cty.Value{cty.StringVal("absent"), cty.StringVal("present"), cty.StringVal("absent-minded")}).Mark("s"), []string{"absent-minded"}},
		"true and nothing":        {cty.TupleVal([]cty.Value{cty.True, cty.NullVal(cty.String), cty.UnknownVal(cty.String)}).Mark("s"), nil},
	} {
		var told []string
		s := New(func(text string) { told = append(told, text) }, func(text string) bool { return text == "user" || text == "port" })
		s.Add(tc.in)
		slices.Sort(told)
		if diff := cmp.Diff(tc.want, told); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

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
		s := New(nil, nil)
		s.Quoted(expr)
		if got := s.Redact("  content = " + expr); strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s", name, got)
		}
	}
	s := New(nil, nil)
	s.Quoted(`upper("plain")`)
	s.Quoted(`nonsensitive(file("plain"))`)
	if got := s.Redact("plain"); got != "plain" {
		t.Errorf("nothing sensitive: %s", got)
	}
}
