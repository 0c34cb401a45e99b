package ini

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const epel = `# Extra packages
; for enterprise
[epel]
name = Extra # not a comment
baseurl=http://a/x
	http://b/y
#baseurl=http://c
gpgcheck=1

# the debug packages
[epel-debug]  
enabled=0
`

func TestGet(t *testing.T) {
	s := Parse(Yum, epel).Section("epel")
	got := map[string][]string{}
	for _, key := range []string{"name", "baseurl", "gpgcheck", "enabled"} {
		got[key], _ = s.Get(key)
	}
	want := map[string][]string{"name": {"Extra # not a comment"}, "baseurl": {"http://a/x", "http://b/y"}, "gpgcheck": {"1"}, "enabled": nil}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	servers, _ := Parse(Pacman, "[x]\nServer = a\n  Server=b\nCheckSpace\n").Section("x").Get("Server")
	if d := cmp.Diff([]string{"a", "b"}, servers); d != "" {
		t.Error(d)
	}
}

func TestEdit(t *testing.T) {
	edit := func(style Style, text string, do func(*File)) string {
		f := Parse(style, text)
		do(f)
		return f.String()
	}
	for name, tt := range map[string]struct{ want, got string }{
		"set keeps the spacing": {strings.Replace(epel, "= Extra # not a comment", "= New", 1),
			edit(Yum, epel, func(f *File) { f.Section("epel").Set("name", []string{"New"}) })},
		"set several lines": {strings.Replace(epel, "http://b/y", "http://z", 1),
			edit(Yum, epel, func(f *File) { f.Section("epel").Set("baseurl", []string{"http://a/x", "http://z"}) })},
		"set after the last key": {strings.Replace(epel, "gpgcheck=1\n", "gpgcheck=1\ncost=5\n", 1),
			edit(Yum, epel, func(f *File) { f.Section("epel").Set("cost", []string{"5"}) })},
		"set where no line ends":   {"[a]\nx=1", edit(Yum, "[a]\nx=1", func(*File) {})},
		"set after a cut line":     {"[a]\nx=1\ny=2\n", edit(Yum, "[a]\nx=1", func(f *File) { f.Section("a").Set("y", []string{"2"}) })},
		"delete with continuation": {"[a]\n# c\n", edit(Yum, "[a]\nx=1\n 2\n# c\n", func(f *File) { f.Section("a").Delete("x") })},
		"add":                      {"[a]\nx=1\n\n[b]\ny=2\n", edit(Yum, "[a]\nx=1", func(f *File) { f.Add("b").Set("y", []string{"2"}) })},
		"remove keeps what follows": {"# Extra packages\n; for enterprise\n# the debug packages\n[epel-debug]  \nenabled=0\n",
			edit(Yum, epel, func(f *File) { f.Remove(f.Section("epel")) })},
		"pacman repeats": {"[x]\nServer = c\nServer = d\nSigLevel=y\n",
			edit(Pacman, "[x]\nServer = a\nSigLevel=y\nServer = b\n", func(f *File) { f.Section("x").Set("Server", []string{"c", "d"}) })},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, tt.got); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(epel, true)
	f.Add("[x]\r\nServer\r\n = a\n]", false)
	f.Fuzz(func(t *testing.T, text string, continued bool) {
		style := Pacman
		if continued {
			style = Yum
		}
		file := Parse(style, text)
		if got := file.String(); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		name := "fuzz"
		for file.Section(name) != nil { // one that is not there
			name += "z"
		}
		s := file.Add(name)
		s.Set("key", []string{"one", "two"})
		got, _ := Parse(style, file.String()).Section(name).Get("key")
		if d := cmp.Diff([]string{"one", "two"}, got); d != "" {
			t.Fatalf("after %q: %s", text, d)
		}
		file.Remove(s)
		if got := file.String(); strings.TrimRight(got, "\n") != strings.TrimRight(text, "\n") {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
