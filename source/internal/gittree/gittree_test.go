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

// TestNames: HFS+ leaves code points out, and only those, NTFS what is at the end: git's own tests have the same names.
func TestNames(t *testing.T) {
	refused := map[string]bool{".git": true, ".GiT": true, "git~1": true, "GIT~1": true, ".git .. ": true, ".git:x": true, ".git::$INDEX_ALLOCATION": true, "git~1:x": true}
	for _, name := range []string{"git", ".gi", ".gitx", "git~2", "git ", ".git~1", ".g it", " .git", "..git", ".gıt"} {
		refused[name] = false
	}
	for _, r := range []rune{0x200c, 0x200d, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x206a, 0x206b, 0x206c, 0x206d, 0x206e, 0x206f, 0xfeff} {
		refused[".g"+string(r)+"it"], refused[string(r)+".git"+string(r)] = true, true
	}
	for _, r := range []rune{0x200b, 0x2010, 0x2029, 0x202f, 0x2069, 0x2070, 0xfefe, 0xff00} {
		refused[".g"+string(r)+"it"] = false
	}
	for name, want := range refused {
		if err := checkName(name); errors.Is(err, trust.Err) != want {
			t.Errorf("%+q: %v", name, err)
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
