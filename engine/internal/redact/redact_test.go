package redact

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// redactor hides "secret" in texts, and what is wrapped in output too.
var redactor = Redactor{
	Text:   func(s string) string { return strings.ReplaceAll(s, "secret", "***") },
	Output: func(s string) string { return strings.NewReplacer("secret", "***", "sec\nret", "***").Replace(s) },
	Secret: func(_ *catalog.Entry, attr string) bool { return attr == "line" },
}

func TestChanges(t *testing.T) {
	e := &catalog.Entry{Options: catalog.Options{Sensitive: []string{"content"}}}
	got := redactor.Changes(e, []resources.Change{
		{Attr: "mode", From: "0644", To: "0600"},
		{Attr: "command", From: "a secret", To: "the secret", Text: "-a secret\n+the secret\n"},
		{Attr: "content", From: "known", To: "new", Text: "-known\n+new\n"},
		{Attr: "line", From: "was one", To: "is none"},
	})
	hashes := map[string]bool{}
	for i := range got {
		hashes[got[i].Hidden] = true
		got[i].Hidden = ""
	}
	if len(hashes) != 3 {
		t.Errorf("want hashes of two changes with hidden values, got %v", hashes)
	}
	want := []report.Change{
		{Attribute: "mode", Before: "0644", After: "0600"},
		{Attribute: "command", Before: "a ***", After: "the ***", Diff: "-a ***\n+the ***\n"},
		{Attribute: "content", Before: "(sensitive value)", After: "(sensitive value)"},
		{Attribute: "line", Before: "(sensitive value)", After: "(sensitive value)"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTexts(t *testing.T) {
	if diff := cmp.Diff([]string{"a ***", "b"}, redactor.Texts([]string{"a secret", "b"})); diff != "" {
		t.Error(diff)
	}
	if got := redactor.Texts(nil); got != nil {
		t.Errorf("want nothing of nothing, got %q", got)
	}
}

func at(file string, line int32) catalog.Pos {
	return catalog.Pos{File: file, Line: line, Column: 3, EndLine: line, EndColumn: 20}
}

// loud is an error with output, at a place of its own where it has one.
type loud struct{ output string }

func (*loud) Error() string    { return "exit code 3" }
func (l *loud) Detail() string { return l.output }

type placed struct{ error }

func (placed) Position() catalog.Pos { return at("module.hcl", 9) }

func TestError(t *testing.T) {
	block := at("main.hcl", 1)
	lines := map[string]int32{"mode": 3, "owner": 4}
	e := &catalog.Entry{Pos: block, AttrPos: func(attr string) catalog.Pos {
		if line, ok := lines[attr]; ok {
			return at("main.hcl", line)
		}
		return block
	}}
	for _, tc := range []struct {
		name  string
		err   error
		tried []resources.Change
		want  report.Error
	}{
		{"at the block", errors.New("no secret"), nil, report.Error{Summary: "no ***", Pos: "main.hcl:1,3-20"}},
		{"with the output of a command", &loud{"the sec\nret"}, nil, report.Error{Summary: "exit code 3", Detail: "the ***", Pos: "main.hcl:1,3-20"}},
		{"at the attribute that it names", fmt.Errorf("write: %w", &resources.AttrError{Attr: "owner", Err: errors.New("no such user")}), []resources.Change{{Attr: "mode"}},
			report.Error{Summary: "write: owner: no such user", Pos: "main.hcl:4,3-20"}},
		{"at the first declared one that was tried", errors.New("x"), []resources.Change{{Attr: "ensure"}, {Attr: "owner"}, {Attr: "mode"}}, report.Error{Summary: "x", Pos: "main.hcl:4,3-20"}},
		{"at its own place", fmt.Errorf("write: %w", placed{errors.New("x")}), []resources.Change{{Attr: "mode"}}, report.Error{Summary: "write: x", Pos: "module.hcl:9,3-20"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := redactor.Error(e, tc.err, tc.tried...)
			if !errors.Is(got, tc.err) {
				t.Errorf("it is another error: %v", got.Err)
			}
			if got.Err = nil; cmp.Diff(&tc.want, got) != "" {
				t.Error(cmp.Diff(&tc.want, got))
			}
		})
	}
	if got := redactor.Error(&catalog.Entry{Pos: block}, errors.New("x"), resources.Change{Attr: "mode"}).Pos; got != "main.hcl:1,3-20" {
		t.Errorf("an entry without attributes' places: got %s", got)
	}
}

func TestBrief(t *testing.T) {
	for said, want := range map[string]string{
		"": "exit code 3", "  \n": "exit code 3", "first\nlast\n": "exit code 3: last", "only secret": "exit code 3: only ***", "a\nthe sec\nret": "exit code 3: the ***",
	} {
		if got := redactor.Brief(fmt.Errorf("%w", &loud{said})); got != want {
			t.Errorf("%q: want %q, got %q", said, want, got)
		}
	}
	if got := redactor.Brief(errors.New("no secret")); got != "no ***" {
		t.Errorf("got %q", got)
	}
}

func TestNew(t *testing.T) {
	mark := func(with string) func(string) string { return func(s string) string { return with + s } }
	for _, tc := range []struct {
		name         string
		text, output func(string) string
		want         string
	}{
		{"nothing is sensitive", nil, nil, "x x"},
		{"output as any text", mark("-"), nil, "-x -x"},
		{"output by itself", mark("-"), mark("+"), "-x +x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := New(tc.text, tc.output, nil)
			if diff := cmp.Diff(tc.want, r.Text("x")+" "+r.Output("x")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
