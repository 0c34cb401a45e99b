package text

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestEdit(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		edit    func(f *File)
		want    string
	}{
		"nothing":                        {"a\r\nb\n\nc", func(*File) {}, "a\r\nb\n\nc"},
		"into nothing":                   {"", func(f *File) { f.Insert(0, "a", "b") }, "a\nb\n"},
		"no lines":                       {"a", func(f *File) { f.Insert(1) }, "a"},
		"in front":                       {"b\n", func(f *File) { f.Insert(0, "a") }, "a\nb\n"},
		"after a line without an end":    {"a", func(f *File) { f.Insert(1, "b") }, "a\nb\n"},
		"before a line without an end":   {"b", func(f *File) { f.Insert(0, "a") }, "a\nb"},
		"as the file's lines end":        {"a\r\nb", func(f *File) { f.Insert(2, "c") }, "a\r\nb\r\nc\r\n"},
		"replaced, its end stays":        {"a\r\nb\nc", func(f *File) { f.Replace(0, "x"); f.Replace(1, "y"); f.Replace(2, "z") }, "x\r\ny\nz"},
		"replaced by nothing":            {"a\n", func(f *File) { f.Replace(0, "") }, "\n"},
		"removed":                        {"a\nb\r\na\n", func(f *File) { f.Remove(func(_ int, body string) bool { return body == "a" }) }, "b\r\n"},
		"removed by its place":           {"a\na\na", func(f *File) { f.Remove(func(i int, _ string) bool { return i == 1 }) }, "a\na"},
		"bytes that are no text survive": {"\xff\x00\nb\n", func(f *File) { f.Insert(2, "c") }, "\xff\x00\nb\nc\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &File{Lines: Split(tc.content)}
			tc.edit(f)
			if diff := cmp.Diff(tc.want, f.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is edited is written as root: a link is followed only where nobody else can have put it.
func TestRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: whose links are followed, as nobody else can make links of several owners")
	}
	for name, tc := range map[string]struct{ tree, want, refused string }{
		"a file":                     {"-- etc/f --\na\n", "/etc/f: a\n", ""},
		"nothing":                    {"-- etc/ --\n", "/etc/f absent", ""},
		"a link":                     {"-- etc/f -> g --\n-- etc/g --\na\n", "/etc/g: a\n", ""},
		"a link to a link":           {"-- etc/f -> /usr/f --\n-- usr/f -> ../etc/g --\n-- etc/g --\na\n", "/etc/g: a\n", ""},
		"a link to nothing":          {"-- etc/f -> g --\n", "/etc/g absent", ""},
		"a circle":                   {"-- etc/f -> g --\n-- etc/g -> f --\n", "", "too many levels"},
		"in a folder of all":         {"-- etc/ 0777 --\n-- etc/f -> g --\n-- etc/g --\n", "", "others can"},
		"in a folder of a group":     {"-- etc/ 0775 --\n-- etc/f -> g --\n-- etc/g --\n", "", "others can"},
		"in somebody's folder":       {"-- etc/ 0755 4711:0 --\n-- etc/f -> g --\n-- etc/g --\n", "", "/etc/f: refused: a link in a folder that others can write (owner 4711)"},
		"somebody's link":            {"-- etc/f -> g 4711:0 --\n-- etc/g --\n", "", "may have planted"},
		"a file in a folder of all":  {"-- etc/ 0777 --\n-- etc/f --\na\n", "/etc/f: a\n", ""},
		"a folder in its place":      {"-- etc/f/ --\n", "", "/etc/f"},
		"a link of a safe folder on": {"-- etc/f -> /tmp/g --\n-- tmp/ 1777 --\n-- tmp/g -> /etc/shadow --\n", "", "others can"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			if name == "somebody's link" {
				if err := os.Lchown(h.Path("/etc/f"), 4711, 0); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Read(h, "/etc/f")
			if tc.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refused) {
					t.Errorf("want %q, got %v", tc.refused, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := f.Name + " absent"
			if f.There {
				got = f.Name + ": " + f.String()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Of a file that is there, the mode stays.
func TestWrite(t *testing.T) {
	mode := uint32(0o600)
	for name, tc := range map[string]struct {
		tree string
		want uint32
	}{
		"there": {"-- etc/f 0640 --\na\n", 0o640},
		"new":   {"-- etc/ --\n", mode},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			f, err := Read(h, "/etc/f")
			if err != nil {
				t.Fatal(err)
			}
			f.Insert(len(f.Lines), "b")
			if err := f.Write(t.Context(), h, host.Meta{Mode: &mode}); err != nil {
				t.Fatal(err)
			}
			st, err := h.Lstat("/etc/f")
			if err != nil || st.Mode != tc.want || h.Content("/etc/f") != f.String() {
				t.Errorf("mode %o, %v, content %q", st.Mode, err, h.Content("/etc/f"))
			}
		})
	}
}
