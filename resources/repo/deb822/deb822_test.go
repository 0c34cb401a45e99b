package deb822

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const debian = `# the distribution
Types: deb
URIs: http://mirror/debian
# which ones
Suites: bookworm
 bookworm-updates
# within
	bookworm-backports
X-Unknown:   kept  as it is
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----


# a lone comment

Types: deb-src
URIs: http://mirror/src
not a field
`

func TestGet(t *testing.T) {
	d := Parse(debian)
	got := map[string]string{}
	for _, key := range []string{"types", "Suites", "X-Unknown", "Signed-By"} {
		got[key], _ = d.Stanzas()[0].Get(key)
	}
	want := map[string]string{
		"types": "deb", "Suites": "bookworm\nbookworm-updates\nbookworm-backports", "X-Unknown": "kept  as it is",
		"Signed-By": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := d.Stanzas()[1].Get("Suites"); ok {
		t.Error("the second paragraph has no suites")
	}
}

func TestEdit(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		edit func(*Document)
		want string
	}{
		"set in place":      {"A: 1\n# c\nB:  2\n", func(d *Document) { d.Stanzas()[0].Set("a", "9") }, "a: 9\n# c\nB:  2\n"},
		"set at the end":    {"A: 1", func(d *Document) { d.Stanzas()[0].Set("B", "2") }, "A: 1\nB: 2\n"},
		"set lines":         {"A: 1\n", func(d *Document) { d.Stanzas()[0].Set("B", "x\n\ny") }, "A: 1\nB:\n x\n .\n y\n"},
		"delete with lines": {"A: 1\n 2\nB: 3\n", func(d *Document) { d.Stanzas()[0].Delete("A") }, "B: 3\n"},
		"add":               {"A: 1", func(d *Document) { d.Add().Set("B", "2") }, "A: 1\n\nB: 2\n"},
		"add to nothing":    {"", func(d *Document) { d.Add().Set("B", "2") }, "B: 2\n"},
		"remove":            {"A: 1\n\n# c\nB: 2\n", func(d *Document) { d.Remove(d.Stanzas()[0]) }, "# c\nB: 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Parse(tt.text)
			tt.edit(d)
			if diff := cmp.Diff(tt.want, d.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(debian)
	f.Add("A: 1\r\n b\r\n\r\n:x\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := Parse(text)
		if got := d.String(); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		s := d.Add()
		s.Set("Key", "one\n\ntwo")
		again := Parse(d.String()).Stanzas()
		if got, _ := again[len(again)-1].Get("key"); got != "one\n\ntwo" {
			t.Fatalf("after %q the value is %q", text, got)
		}
	})
}
