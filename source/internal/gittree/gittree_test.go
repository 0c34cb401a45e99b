package gittree

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source/internal/trust"
)

func raw(entries ...Entry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00%s", e.Mode, e.Name, e.Hash[:])
	}
	return b.Bytes()
}

func TestParse(t *testing.T) {
	want := []Entry{
		{".gitignore", File, Hash{1}}, {"...", GroupFile, Hash{2}}, {"a b", Executable, Hash{3}}, {"git", Folder, Hash{4}},
		{"git~2", Link, Hash{5}}, {"s", Submodule, Hash{6}}, {"ü\xff", File, Hash{7}},
	}
	got, err := Parse(raw(want...))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for name, content := range map[string][]byte{
		"cut in the hash":  raw(Entry{"a", File, Hash{1}})[:20],
		"cut in the name":  []byte("100644 a"),
		"cut in the mode":  []byte("1006"),
		"not octal":        []byte("10x644 a\x00aaaaaaaaaaaaaaaaaaaa"),
		"no mode":          []byte(" a\x00aaaaaaaaaaaaaaaaaaaa"),
		"a mode of a pipe": raw(Entry{"a", 0o010000, Hash{}}),
		"a long name":      raw(Entry{string(bytes.Repeat([]byte("x"), 256)), File, Hash{}}),
	} {
		if _, err := Parse(content); !errors.Is(err, trust.Err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse: whatever Parse accepts is what the content says, and has no name that could be more than a name.
func FuzzParse(f *testing.F) {
	f.Add(raw(Entry{"a", File, Hash{1}}, Entry{"b", Folder, Hash{2}}))
	f.Add([]byte("40000 .git\x00aaaaaaaaaaaaaaaaaaaa"))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := Parse(content)
		if err != nil {
			if !errors.Is(err, trust.Err) {
				t.Errorf("not a refusal: %v", err)
			}
			return
		}
		for _, e := range entries {
			if e.Name == "" || e.Name == "." || e.Name == ".." || bytes.ContainsAny([]byte(e.Name), "/\x00") {
				t.Errorf("accepted %q", e.Name)
			}
		}
	})
}

func TestResolve(t *testing.T) {
	tree := &Tree{byName: map[string]Entry{}, targets: map[string]string{
		"l": "d/e", "d/up": "..", "d/e/far": "../../x", "out": "d/../..", "abs": "/x", "self": "self", "byl": "l/../../d/up/x", "outl": "l/../../..",
		"empty": "", "a": "b", "b": "d/up/../x",
	}}
	for name, want := range map[string]string{
		"x": "x", "l": "d/e", "l/f": "d/e/f", "d/up": ".", "d/up/x": "x", "d/e/far": "x", "byl": "x", "d/./up": ".", "none/x": "none/x",
		"out": "", "abs": "", "self": "", "outl": "", "empty": "", "a": "", "b": "", "..": "", "d/../..": "",
	} {
		got, err := tree.resolve(name)
		if got != want || errors.Is(err, trust.Err) != (want == "") {
			t.Errorf("%s: want %q, got %q %v", name, want, got, err)
		}
	}
}
