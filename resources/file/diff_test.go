package file_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func TestChanges(t *testing.T) {
	tests := map[string]struct {
		tree string
		file *file.File
		want []resources.Change
	}{
		"new": {
			"", made("/dir/x", content("hello\n"), mode("0600"), owner("0")), []resources.Change{
				{Attr: "ensure", From: "absent", To: "file"},
				{Attr: "content", To: "6 bytes, sha256:5891b5b522d5df08", Text: "--- /dir/x\n+++ /dir/x\n@@ -0,0 +1,1 @@\n+hello\n"},
				{Attr: "mode", To: "0600"}, {Attr: "owner", To: "0"}, {Attr: "group", To: "0"},
			},
		},
		"content": {
			"-- dir/x --\none\ntwo\nthree\n", made("/dir/x", content("one\n2\nthree\n")), []resources.Change{{
				Attr: "content", From: "14 bytes, sha256:4f1c1d8e0e9d0a3f", To: "12 bytes, sha256:",
				Text: "--- /dir/x\n+++ /dir/x\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n",
			}},
		},
		"content that is not to be shown": {
			"-- dir/x --\none\n", made("/dir/x", content("two\n"), func(f *file.File) { f.ShowDiff = false }),
			[]resources.Change{{Attr: "content", From: "4 bytes, sha256:", To: "4 bytes, sha256:"}},
		},
		"binary content": {
			"-- dir/x --\none\n", made("/dir/x", content("a\x00b")), []resources.Change{{Attr: "content", From: "4 bytes, sha256:", To: "3 bytes, sha256:"}},
		},
		"control codes": {
			"-- dir/x --\none\n", made("/dir/x", content("\x1b[2J")), []resources.Change{{Attr: "content", From: "4 bytes, sha256:", To: "4 bytes, sha256:"}},
		},
		"large content": {
			"-- dir/x --\none\n", made("/dir/x", content(strings.Repeat("line\n", 40000))),
			[]resources.Change{{Attr: "content", From: "4 bytes, sha256:", To: "200000 bytes, sha256:"}},
		},
		"mode": {"-- dir/x 4755 --\n", made("/dir/x", mode("0644")), []resources.Change{{Attr: "mode", From: "4755", To: "0644"}}},
		"owner and group, by name": {
			"-- dir/x --\n", made("/dir/x", owner("nobody")), []resources.Change{{Attr: "owner", From: "root", To: "nobody"}, {Attr: "group", From: "root", To: "nobody"}},
		},
		"target":              {"-- dir/x -> a --\n", made("/dir/x", target("b")), []resources.Change{{Attr: "target", From: "a", To: "b"}}},
		"absent":              {"-- dir/x --\n", made("/dir/x", ensure("absent")), []resources.Change{{Attr: "ensure", From: "file", To: "absent"}}},
		"a link to a folder":  {"-- dir/x -> y --\n-- dir/y/ --\n", made("/dir/x", ensure("directory")), []resources.Change{{Attr: "ensure", From: "link", To: "directory"}}},
		"base64, by its name": {"-- dir/x --\nx\n", made("/dir/x", func(f *file.File) { s := ""; f.ContentBase64 = &s }), []resources.Change{{Attr: "content_base64", From: "2 bytes, sha256:", To: "0 bytes, sha256:", Text: "--- /dir/x\n+++ /dir/x\n@@ -1,1 +0,0 @@\n-x\n"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "owner and group, by name" {
				resourcetest.NeedsRoot(t, noOwners)
			}
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			got := resourcetest.Check(t, h, test.file).Changes
			sameSum := cmp.Comparer(func(a, b string) bool { // the digits of a checksum are tested once
				a, _, _ = strings.Cut(a, "sha256:")
				b, _, _ = strings.Cut(b, "sha256:")
				return a == b
			})
			opts := cmp.Options{}
			if name != "new" {
				opts = append(opts, sameSum)
			}
			if diff := cmp.Diff(test.want, got, opts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "%d\n", i)
	}
	h := hosttest.New(t, "-- dir/ --\n")
	got := resourcetest.Check(t, h, made("/dir/x", content(text.String()))).Changes[1].Text
	if lines := strings.Count(got, "\n"); lines != 201 || !strings.HasSuffix(got, "... and 103 more lines\n") {
		t.Errorf("%d lines, which end in %q", lines, got[max(0, len(got)-30):])
	}
	got = resourcetest.Check(t, h, made("/dir/x", content(strings.Repeat(strings.Repeat("x", 1000)+"\n", 100)))).Changes[1].Text
	if len(got) > 33<<10 || !strings.HasSuffix(got, " more lines\n") {
		t.Errorf("%d bytes of long lines, which end in %q", len(got), got[max(0, len(got)-30):])
	}
}

// No line is in a difference that is not changed, or beside one that is.
func TestDiffIsMinimal(t *testing.T) {
	var old, declared strings.Builder
	const lines, every = 2000, 100
	for i := range lines {
		fmt.Fprintf(&old, "line %d\n", i%7)
		if i%every == every/2 {
			fmt.Fprintf(&declared, "new %d\n", i)
			continue
		}
		fmt.Fprintf(&declared, "line %d\n", i%7)
	}
	h := hosttest.New(t, "-- dir/x --\n"+old.String())
	text := resourcetest.Check(t, h, made("/dir/x", content(declared.String()))).Changes[0].Text
	got := map[string]int{}
	for line := range strings.Lines(text) {
		got[line[:1]]++
	}
	const edits = lines / every
	want := map[string]int{"@": edits, "-": edits + 1, "+": edits + 1, " ": 6 * edits} // one more each in the header
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
