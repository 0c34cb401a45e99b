package jsonscan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest/limits/internal/scan"
)

// A bound is Over at a byte, another problem its summary.
func TestFile(t *testing.T) {
	type found struct {
		at   int // -1: nothing
		what string
	}
	const over = "over the limit"
	nothing := found{-1, ""}
	times := strings.Repeat
	for name, tt := range map[string]struct {
		src  string
		want found
	}{
		"ordinary":               {`{"file": {"/etc/motd": {"content": "hello ${var.name}"}}}`, nothing},
		"depth at the bound":     {`{"a": ` + times("[", scan.MaxDepth-1) + times("]", scan.MaxDepth-1) + `}`, nothing},
		"depth of lists":         {`{"a": ` + times("[", 1000), found{205, over}},
		"depth of objects":       {times(`{"a":`, 1000), found{1000, over}},
		"template":               {`{"a": "${` + times("(", 1000) + `}"}`, found{6, over}},
		"escaped template":       {`{"a": "\u0024{` + times(`\u0028`, 1000) + `}"}`, found{6, over}},
		"template in a key":      {`{"${` + times("!", scan.MaxOperators+1) + `a}": 1}`, found{1, over}},
		"text with brackets":     {`{"a": "` + times("(", 1000) + `"}`, nothing},
		"type constraint":        {`{"variable": {"a": {"type": "` + times("list(", 1000) + `"}}}`, found{28, over}},
		"escaped name of a type": {`{"t\u0079pe": "` + times("list(", 1000) + `"}`, found{14, over}},
		"quote after a prefix":   {"{\"\u0600\" x \"" + times("[", 1000), found{208, over}}, // U+0600 and the quote are one character
		"string without an end":  {"{\"\n" + times("[", 1000), found{202, over}},
		"escaped quote":          {`{"a": "\"` + times("[", 1000) + `"}`, nothing},
		"wrong escape":           {`{"a": "\x` + times("${(", 1000) + `"}`, nothing}, // of which the parser makes nothing
		"exponent":               {`{"a": 1e99999}`, found{6, over}},
		"long number":            {`{"a": -` + times("1", 513) + `}`, found{6, over}},
		"numbers":                {`{"a": [1, -2.5e+10, 1E9]}`, nothing},
		"mismatch":               {`{"a": [1}`, found{8, "Mismatched bracket"}},
		"nothing to close":       {`]`, found{0, "Mismatched bracket"}},
		"lines in one value":     {`{"a": "` + times(`\n`, 300_000) + `"}`, found{6, over}},
	} {
		t.Run(name, func(t *testing.T) {
			got := nothing
			if p := File([]byte(tt.src)); p != nil {
				if got = (found{p.At, p.Summary}); p.Limit {
					got.what = over
				}
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(found{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
