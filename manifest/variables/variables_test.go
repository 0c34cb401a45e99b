package variables_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/syntax"
	"github.com/nodeapply/apply/manifest/variables"
)

// read reads sources for the variables of a manifest, after the files were written.
func read(t *testing.T, manifest string, texts map[string]string, sources ...variables.Source) (map[string]any, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	texts["main.hcl"] = manifest
	for name, text := range texts {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := &files.Reader{}
	m, diags := (&syntax.Reader{Files: f, Kinds: decode.Schemas{}}).Read(t.Context(), "main.hcl", "main.hcl")
	given, more := variables.Read(t.Context(), f, sources, m)
	values := map[string]any{}
	for name, g := range given {
		if g.OK {
			v, err := decode.Go(g.Val)
			if err != nil {
				t.Fatal(err)
			}
			values[name] = v
		}
	}
	var b strings.Builder
	if err := diag.From(append(diags, more...), f, nil).WriteText(&b, diag.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return values, b.String()
}

func TestLaterSourcesWin(t *testing.T) {
	got, wrong := read(t, `
variable "a" {}
variable "b" { type = list(string) }
variable "c" { type = any }
variable "d" { type = number }
variable "e" { type = object({ x = string, y = optional(number, 7) }) }
variable "f" { default = ["default"] }
variable "g" { default = "[]" }
variable "h" { default = {} }
`, map[string]string{"one.vars": "a = \"file one\"\nb = [\"file one\"]\nc = 1\n", "two.json": `{"a": "file two"}`},
		variables.Source{Name: "a", Value: "environment", Optional: true}, variables.Source{Name: "elsewhere", Value: "x", Optional: true},
		variables.Source{File: "one.vars"}, variables.Source{File: "two.json"},
		variables.Source{Name: "b", Value: `["flag", "b"]`}, variables.Source{Name: "c", Value: "no expression"}, variables.Source{Name: "d", Value: "7"},
		variables.Source{Name: "e", Value: `{ x = "flag" }`}, variables.Source{Name: "f", Value: `["flag", "f"]`},
		variables.Source{Name: "g", Value: `["flag"]`}, variables.Source{Name: "h", Value: "flag"},
	)
	want := map[string]any{"a": "file two", "b": []any{"flag", "b"}, "c": "no expression", "d": "7", "e": map[string]any{"x": "flag"},
		"f": []any{"flag", "f"}, "g": `["flag"]`, "h": "flag"}
	if diff := cmp.Diff(want, got); diff != "" || wrong != "" {
		t.Errorf("want -, got +:\n%s%s", diff, wrong)
	}
}

// What is given and cannot be read is told by what it was given as.
func TestValuesThatCannotBeRead(t *testing.T) {
	for name, tc := range map[string]struct{ typ, value, want string }{
		"not UTF-8":      {"string", "a\xff", "It is not UTF-8 text."},
		"without quotes": {"list(string)", "[a]", "Not a value of type `list(string)`: it names something; a string is written in quotes."},
		"a bare list":    {"list(number)", "1,2", "Not a value of type `list(number)`: it goes on after its end; several values are written [\"a\", \"b\"]."},
	} {
		t.Run(name, func(t *testing.T) {
			_, wrong := read(t, "variable \"v\" { type = "+tc.typ+" }\n", map[string]string{}, variables.Source{Name: "v", Value: tc.value, Origin: "--var v"})
			want := "Error: Wrong value for variable `v`\n  --var v: " + strings.ToLower(tc.want[:1]) + tc.want[1:] + "\n\n"
			if diff := cmp.Diff(want, wrong); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A mistake in a file of variables shows no line of it where that may be a secret: before it is read, none of its values is known.
func TestSecretsInFilesThatCannotBeRead(t *testing.T) {
	const secret = "hunter2"
	sensitive, plain := "variable \"password\" {\n  sensitive = true\n}\nvariable \"size\" {}\n", "variable \"password\" {}\nvariable \"size\" {}\n"
	for name, tc := range map[string]struct {
		file, text string
		always     bool // shown if no variable is sensitive
	}{
		"no end":            {"a.vars", "password = \"" + secret + "\n", true},
		"no quotes":         {"a.vars", "password = " + secret + "\n", true},
		"more than one":     {"a.vars", "password = \"" + secret + "\" \"x\"\n", true},
		"twice":             {"a.vars", "password = \"x\"\npassword = \"" + secret + "\"\n", true},
		"bad escape":        {"a.vars", "password = \"" + secret + "\\q\"\n", true},
		"a function":        {"a.vars", "password = upper(\"" + secret + "\")\n", true},
		"no quotes, JSON":   {"a.json", `{"password": ` + secret + `}`, true},
		"a comma, JSON":     {"a.json", `{"password": "` + secret + `",}`, true},
		"another's mistake": {"a.vars", "size = \"" + secret + "\" \"\"\n", true},
		"misspelt":          {"a.vars", "passwrd = \"" + secret + "\"\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			texts := map[string]string{tc.file: tc.text}
			for _, manifest := range []string{sensitive, sensitive + "broken"} {
				_, wrong := read(t, manifest, texts, variables.Source{File: tc.file})
				if strings.Contains(wrong, "hunter") || !strings.Contains(wrong, tc.file+":") && !strings.HasSuffix(manifest, "broken") {
					t.Errorf("a line with a secret is shown, or no place:\n%s", wrong)
				}
			}
			if _, wrong := read(t, plain, texts, variables.Source{File: tc.file}); strings.Contains(wrong, "hunter") != tc.always {
				t.Errorf("want the line shown: %v, got\n%s", tc.always, wrong)
			}
		})
	}
}

// A variable that is set twice is told by its name, whatever is in the file: that is no secret.
func TestSetTwice(t *testing.T) {
	manifest := "variable \"password\" {\n  sensitive = true\n}\nvariable \"size\" {}\n"
	for name, text := range map[string]string{"a.vars": "size = 1\nsize = 2\n", "a.json": `{"size": 1, "size": 2}`} {
		if _, wrong := read(t, manifest, map[string]string{name: text}, variables.Source{File: name}); !strings.Contains(wrong, `"size" was already set at `+name+":1") {
			t.Errorf("%s: got\n%s", name, wrong)
		}
	}
}

// What may be in a file that cannot be read is not told to be missing.
func TestLostWithTheirFile(t *testing.T) {
	f := &files.Reader{}
	m := &syntax.Module{Variables: map[string]*syntax.Block{"a": {}, "b": {Attrs: []syntax.Attr{{Name: "default"}}}, "c": {}}}
	given, diags := variables.Read(t.Context(), f, []variables.Source{{File: "none.vars"}, {Name: "c", Value: "x", Origin: "--var c"}}, m)
	if len(diags) != 1 {
		t.Errorf("want one mistake, got %v", diags)
	}
	if diff := cmp.Diff(map[string]bool{"a": false, "c": true}, map[string]bool{"a": given["a"].OK, "c": given["c"].OK}); diff != "" || len(given) != 2 {
		t.Errorf("got %v", given)
	}
}

func TestSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"good": "jobs = 4\ntags = [\"a\"]\n", "bad": "jobs = other\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, diags := variables.Settings(t.Context(), "good")
	if diff := cmp.Diff(map[string]variables.Setting{"jobs": {4.0, "good:1"}, "tags": {[]any{"a"}, "good:2"}}, got); diff != "" || len(diags) > 0 {
		t.Errorf("want -, got +:\n%s%v", diff, diags)
	}
	got, diags = variables.Settings(t.Context(), "bad")
	if got != nil || len(diags) != 1 || diags[0].Pos.String() != "bad:1" || diags[0].Snippet == nil {
		t.Errorf("want one mistake at bad:1, got %v, %v", got, diags)
	}
}
