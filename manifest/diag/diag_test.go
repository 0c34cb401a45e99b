package diag_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
)

type files map[string]string

func (f files) File(name string) *hcl.File {
	text, ok := f[name]
	if !ok {
		return nil
	}
	return &hcl.File{Bytes: []byte(text)}
}

func at(file string, line, col, byte, end int) *hcl.Range {
	return &hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Column: col, Byte: byte}, End: hcl.Pos{Line: line, Column: col + end - byte, Byte: end}}
}

// met is a mistake in b.hcl that was met in a resource.
func met(in, summary, detail string) *hcl.Diagnostic {
	d := diag.Errorf(at("b.hcl", 1, 1, 0, 1), summary, "%s", detail)
	d.Extra = diag.In(in)
	return d
}

// alike are n mistakes in b.hcl, each of an instance of its own and with a text of its own.
func alike(summary string, n int) hcl.Diagnostics {
	var ds hcl.Diagnostics
	for i := 1; i <= n; i++ {
		ds = append(ds, met(fmt.Sprintf("%s[%d]", summary, i), summary, fmt.Sprintf("%s%d.", strings.ToLower(summary), i)))
	}
	return ds
}

// told is how one of them is printed.
func told(summary, detail string) string {
	return "Error: " + summary + "\n  b.hcl:1,1-2:\n     1 | x\n       | ^\n  " + detail + "\n\n"
}

func TestFrom(t *testing.T) {
	src := files{"a.hcl": "one\n\ttwo = 2\nthree\n", "b.hcl": "x", "crlf.hcl": "a = +\r\n", "long.hcl": strings.Repeat("é", 5000) + "HERE" + strings.Repeat("y", 5000)}
	for name, tc := range map[string]struct {
		in     hcl.Diagnostics
		redact func(string) string
		want   string
	}{
		"in order, each once": {
			in: hcl.Diagnostics{
				diag.Errorf(at("b.hcl", 1, 1, 0, 1), "B", "b."), diag.Errorf(at("a.hcl", 2, 2, 5, 8), "A", "a."), diag.Errorf(at("b.hcl", 1, 1, 0, 1), "B", "b."),
				{Severity: hcl.DiagWarning, Summary: "W"},
			},
			want: "Warning: W\n\nError: A\n  a.hcl:2,2-5:\n     2 | \ttwo = 2\n       | \t^^^\n  a.\n\nError: B\n  b.hcl:1,1-2:\n     1 | x\n       | ^\n  b.\n\n",
		},
		"met in several": {
			in: hcl.Diagnostics{
				diag.Errorf(at("b.hcl", 1, 1, 0, 1), "B", "b."), met(`f["k"]`, "B", "b."), met(`f["l"]`, "B", "b."), met(`f["k"]`, "B", "b."), met(`f["m"]`, "B", "b."),
				met(`f[1]`, "C", "c."),
			},
			want: "Error: B\n  b.hcl:1,1-2:\n     1 | x\n       | ^\n  b. This is in f[\"k\"], and in 2 more.\n\n" +
				"Error: C\n  b.hcl:1,1-2:\n     1 | x\n       | ^\n  c. This is in f[1].\n\n",
		},
		"alike but for their details: five, each told once, and how many more": {
			in: slices.Concat(alike("B", 8), alike("B", 8), alike("C", 5)),
			want: told("B", "b1. This is in B[1].") + told("B", "b2. This is in B[2].") + told("B", "b3. This is in B[3].") + told("B", "b4. This is in B[4].") +
				told("B", "b5. This is in B[5]. 3 more mistakes here are like this one.") +
				told("C", "c1. This is in C[1].") + told("C", "c2. This is in C[2].") + told("C", "c3. This is in C[3].") + told("C", "c4. This is in C[4].") +
				told("C", "c5. This is in C[5]."),
		},
		"alike, but of no place": {
			in: hcl.Diagnostics{
				diag.Errorf(nil, "S", "1"), diag.Errorf(nil, "S", "2"), diag.Errorf(nil, "S", "3"), diag.Errorf(nil, "S", "4"), diag.Errorf(nil, "S", "5"), diag.Errorf(nil, "S", "6"),
			},
			want: "Error: S\n  1\n\nError: S\n  2\n\nError: S\n  3\n\nError: S\n  4\n\nError: S\n  5\n\nError: S\n  6\n\n",
		},
		"behind the end of a line": {
			in:   hcl.Diagnostics{diag.Errorf(at("crlf.hcl", 1, 6, 5, 7), "N", "n.")},
			want: "Error: N\n  crlf.hcl:1,6-8:\n     1 | a = +\n       |      ^\n  n.\n\n",
		},
		"suggestions of the parser": {
			in:   hcl.Diagnostics{diag.Errorf(nil, "S", `There is no x. Did you mean "y"?`)},
			want: "Error: S\n  There is no x; did you mean `y`?\n\n",
		},
		"a suggestion inside of a sentence": {
			in:   hcl.Diagnostics{diag.Errorf(nil, "S", "Invalid value: There is no x. Did you mean \"y\"?.")},
			want: "Error: S\n  Invalid value: There is no x; did you mean `y`?\n\n",
		},
		"a place without offsets": {
			in:   hcl.Diagnostics{diag.Errorf(&hcl.Range{Filename: "a.hcl", Start: hcl.Pos{Line: 2, Column: 2}, End: hcl.Pos{Line: 2, Column: 5}}, "A", "a.")},
			want: "Error: A\n  a.hcl:2,2-5:\n     2 | \ttwo = 2\n       | \t^^^\n  a.\n\n",
		},
		"a file that is not there": {
			in:   hcl.Diagnostics{diag.Errorf(&hcl.Range{Filename: "none.hcl"}, "A", "a.")},
			want: "Error: A\n  none.hcl: a.\n\n",
		},
		"secrets": {
			in:     hcl.Diagnostics{diag.Errorf(at("a.hcl", 2, 2, 5, 8), "two", "is two.")},
			redact: func(s string) string { return strings.ReplaceAll(s, "two", "***") },
			want:   "Error: ***\n  a.hcl:2,2-5:\n     2 | \t*** = 2\n  is ***.\n\n",
		},
		"control codes": {
			in:   hcl.Diagnostics{diag.Errorf(nil, "S\x1b[31m", "d\x07\u009b")},
			want: "Error: S\uFFFD[31m\n  d\uFFFD\uFFFD\n\n",
		},
		"the direction of writing, and names with lines": {
			in:   hcl.Diagnostics{diag.Errorf(&hcl.Range{Filename: "a\nError: b.hcl"}, "S\nE", "d\u202e\u2066.")},
			want: "Error: S\uFFFDE\n  a\uFFFDError: b.hcl: d\uFFFD\uFFFD.\n\n",
		},
		"a very long line": {
			in:   hcl.Diagnostics{diag.Errorf(at("long.hcl", 1, 5001, 10000, 10004), "L", "l.")},
			want: "Error: L\n  long.hcl:1,5001-5005:\n     1 | ..." + strings.Repeat("é", 49) + "HERE" + strings.Repeat("y", 292) + "...\n       | " + strings.Repeat(" ", 52) + "^^^^\n  l.\n\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := diag.From(tc.in, src, tc.redact).WriteText(&b, diag.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestColourAndWidth(t *testing.T) {
	list := diag.From(hcl.Diagnostics{diag.Errorf(at("a.hcl", 1, 1, 0, 3), "S", "one two three four")}, files{"a.hcl": "abc def"}, nil)
	var b strings.Builder
	if err := list.WriteText(&b, diag.TextOptions{Width: 12, Color: true}); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[31mError\x1b[0m: S\n  a.hcl:1,1-4:\n     1 | abc def\n       | \x1b[31m^^^\x1b[0m\n  one two\n  three four\n\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if got, want := list.Error(), "a.hcl:1: S; one two three four"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"content", "ensure", "mode"}
	for given, want := range map[string]string{"ensur": "; did you mean `ensure`?", "contents": "; did you mean `content`?", "banana": ".", "x": ".", "mode": "."} {
		if got := diag.Suggest(given, names); got != want {
			t.Errorf("%s: want %q, got %q", given, want, got)
		}
	}
}

// TestHabits: a word of another tool is answered with what is meant here, where there is that.
func TestHabits(t *testing.T) {
	for given, names := range map[string][]string{
		"state ensure":       {"start", "ensure"},
		"src device":         {"device", "fstype"},
		"src source":         {"device", "source"},
		"lineinfile line":    {"file", "line"},
		"depends_on require": {"require", "before"},
		"shell ":             {"package"},
	} {
		word, want, _ := strings.Cut(given, " ")
		if got := diag.Meant(word, names); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

// TestMarks holds that the marks stand below what they mark, also on a narrow screen and behind characters that take two columns, or none.
func TestMarks(t *testing.T) {
	src := files{
		"long.hcl": strings.Repeat("x", 200) + "HERE" + strings.Repeat("y", 200) + "\n" + strings.Repeat("z", 100),
		"wide.hcl": "a = \"日本e\u0301\" + 語語",
	}
	for name, tc := range map[string]struct {
		in    *hcl.Range
		width int
		want  string
	}{
		"in the middle":    {at("long.hcl", 1, 201, 200, 204), 60, "     1 | ..." + strings.Repeat("x", 11) + "HERE" + strings.Repeat("y", 30) + "...\n       | " + strings.Repeat(" ", 14) + "^^^^\n"},
		"over two lines":   {at("long.hcl", 1, 201, 200, 450), 60, "     1 | ..." + strings.Repeat("x", 11) + "HERE" + strings.Repeat("y", 30) + "...\n       | " + strings.Repeat(" ", 14) + strings.Repeat("^", 34) + "\n     2 | " + strings.Repeat("z", 45) + "...\n"},
		"wide and no room": {at("wide.hcl", 1, 14, 18, 24), 0, "     1 | a = \"日本e\u0301\" + 語語\n       |     \u0020\u3000\u3000     ^^^^\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := diag.From(hcl.Diagnostics{diag.Errorf(tc.in, "S", "")}, src, nil).WriteText(&b, diag.TextOptions{Width: tc.width}); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(b.String(), ":\n")
			if diff := cmp.Diff(tc.want+"\n", got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestRange(t *testing.T) {
	want := catalog.Pos{File: "main.hcl", Line: 1, Column: 2, EndLine: 3, EndColumn: 4}
	if diff := cmp.Diff(want, diag.Pos(*diag.Range(want))); diff != "" {
		t.Error(diff)
	}
}
