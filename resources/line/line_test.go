package line

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func declare(edit func(*Line)) *Line {
	l := Type().New("no root").(*Line)
	l.Path, l.Line = "/etc/conf", "root no"
	if edit != nil {
		edit(l)
	}
	return l
}

// declared are the states that a line may be declared to have; multiple is added to each.
var declared = map[string]func(*Line){
	"present":        nil,
	"replaces":       func(l *Line) { l.Match = "^#?root" },
	"behind":         func(l *Line) { l.After = "^a" },
	"both":           func(l *Line) { l.Match, l.After = "^#?root", "^a" },
	"absent":         func(l *Line) { l.Ensure = absent },
	"absent matches": func(l *Line) { l.Ensure, l.Line, l.Match = absent, "", "^#?root" },
	"literally":      func(l *Line) { l.Line, l.Match = `root $0 \1`, "^#(root).*" },
	"absent both":    func(l *Line) { l.Ensure, l.Match = absent, "^#root" },
}

// actual are the files that it may find, line ends as slashes.
var actual = map[string]string{
	"empty":          "",
	"others":         "a/b/c/",
	"no end":         "a/b/c",
	"same":           "a/root no/b/",
	"same, last":     "a/root no",
	"twice":          "root no/b/root no/",
	"another":        "a/b/root yes/c/",
	"a comment":      "a/#root yes/b",
	"both":           "#root yes/a/root no/",
	"several":        "#root yes/a/root yes/b/",
	"several anchor": "a/b/aa/c/",
	"several, same":  "#root yes/a/root no/aa/root yes/",
	"anchor, last":   "b/a",
	"comment, last":  "b/#root yes",
	"among anchors":  "a/aa/root yes/",
	"longer":         "root no, really/",
}

func lines(s string) string { return strings.ReplaceAll(s, "/", "\n") }

func TestConverges(t *testing.T) {
	for name, edit := range declared {
		for start, content := range actual {
			t.Run(name+" from "+start, func(t *testing.T) {
				h := node(t, lines(content))
				l := declare(edit)
				l.Multiple = true
				resourcetest.Converges(t, h, l)
				want := strings.Join(strings.FieldsFunc(content, func(r rune) bool { return r == '/' }), "\n")
				if diff := cmp.Diff(foreign(want), foreign(h.Content("/etc/conf"))); diff != "" {
					t.Errorf("other lines were touched: %s", diff)
				}
			})
		}
	}
}

// foreign is the lines that no declaration is about.
func foreign(content string) string {
	var out []string
	for line := range strings.Lines(content) {
		if line = strings.TrimSuffix(line, "\n"); !strings.Contains(line, "root") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// node has a file with exactly that content.
func node(t *testing.T, content string) *hosttest.Host {
	t.Helper()
	h := hosttest.New(t, "-- etc/conf 0640 --\n")
	if err := h.WriteFile(t.Context(), "/etc/conf", host.NewFile{Content: strings.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWhatIsWritten(t *testing.T) {
	for _, tc := range []struct{ declared, actual, want, changes string }{
		{"present", "empty", "root no/", "ensure: absent -> present"},
		{"present", "no end", "a/b/c/root no/", "ensure: absent -> present"},
		{"present", "same, last", "a/root no", ""},
		{"present", "another", "a/b/root yes/c/root no/", "ensure: absent -> present"},
		{"replaces", "another", "a/b/root no/c/", "line: root yes -> root no"},
		{"replaces", "a comment", "a/root no/b", "line: #root yes -> root no"},
		{"replaces", "both", "#root yes/a/root no/", ""},
		{"replaces", "others", "a/b/c/root no/", "ensure: absent -> present"},
		{"behind", "others", "a/root no/b/c/", "ensure: absent -> present"},
		{"behind", "same", "a/root no/b/", ""},
		{"behind", "empty", "root no/", "ensure: absent -> present"},
		{"both", "others", "a/root no/b/c/", "ensure: absent -> present"},
		{"present", "twice", actual["twice"], ""},
		{"present", "longer", "root no, really/root no/", "ensure: absent -> present"},
		{"replaces", "several, same", actual["several, same"], ""},
		{"replaces", "comment, last", "b/root no", "line: #root yes -> root no"},
		{"literally", "comment, last", `b/root $0 \1`, `line: #root yes -> root $0 \1`},
		{"behind", "several, same", actual["several, same"], ""},
		{"behind", "anchor, last", "b/a/root no/", "ensure: absent -> present"},
		{"both", "among anchors", "a/aa/root no/", "line: root yes -> root no"},
		{"both", "another", "a/b/root no/c/", "line: root yes -> root no"},
		{"absent", "same, last", "a/", "ensure: root no -> absent"},
		{"absent", "longer", actual["longer"], ""},
		{"absent", "same", "a/b/", "ensure: root no -> absent"},
		{"absent", "twice", "b/", "ensure: root no\nroot no -> absent"},
		{"absent", "others", "a/b/c/", ""},
		{"absent matches", "another", "a/b/c/", "ensure: root yes -> absent"},
		{"absent both", "both", "a/", "ensure: #root yes\nroot no -> absent"},
	} {
		t.Run(tc.declared+" from "+tc.actual, func(t *testing.T) {
			h := node(t, lines(actual[tc.actual]))
			resourcetest.Writes(t, h, declare(declared[tc.declared]), "/etc/conf", lines(tc.want), tc.changes)
			if st, err := h.Lstat("/etc/conf"); err != nil || st.Mode != 0o640 {
				t.Errorf("mode %o, %v", st.Mode, err)
			}
		})
	}
}

func TestLineEndsOfTheFile(t *testing.T) {
	h := node(t, "a\r\nroot yes\r\nb\r\n")
	resourcetest.Converges(t, h, declare(func(l *Line) { l.Match = "^root yes$" }))
	resourcetest.Converges(t, h, declare(func(l *Line) { l.Line = "more" }))
	if diff := cmp.Diff("a\r\nroot no\r\nb\r\nmore\r\n", h.Content("/etc/conf")); diff != "" {
		t.Error(diff)
	}
}

func TestMultiple(t *testing.T) {
	for _, tc := range []struct{ declared, actual, want, refused string }{
		{"replaces", "several", "root no/a/root no/b/", "match: 2 lines of /etc/conf match (1, 3); multiple = true allows that"},
		{"replaces", "both", "root no/a/root no/", ""}, // with multiple every line that matches
		{"behind", "several anchor", "a/root no/b/aa/root no/c/", "after: 2 lines of /etc/conf match (1, 3); multiple = true"},
		{"absent matches", "several", "a/b/", "match: 2 lines"},
	} {
		t.Run(tc.declared+" from "+tc.actual, func(t *testing.T) {
			h := node(t, lines(actual[tc.actual]))
			l := declare(declared[tc.declared])
			if tc.refused != "" {
				if err := resourcetest.Refuses(t, h, l); !strings.HasPrefix(err.Error(), tc.refused) {
					t.Errorf("want %q, got %v", tc.refused, err)
				}
			}
			l.Multiple = true
			resourcetest.Converges(t, h, l)
			if diff := cmp.Diff(lines(tc.want), h.Content("/etc/conf")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAChangeNamesSomeOfManyLines(t *testing.T) {
	l := declare(declared["absent matches"])
	l.Multiple = true
	o := resourcetest.Converges(t, node(t, strings.Repeat("root yes\n", 9)), l)
	if diff := cmp.Diff("ensure: "+strings.Repeat("root yes\n", 5)+"... (9 lines) -> absent", o.Changes()); diff != "" {
		t.Error(diff)
	}
}

func TestMissingFile(t *testing.T) {
	h := hosttest.New(t, "-- etc/ --\n")
	if err := resourcetest.Refuses(t, h, declare(nil)); !strings.Contains(err.Error(), `/etc/conf: does not exist; declare file["/etc/conf"]`) {
		t.Error(err)
	}
	if o := resourcetest.Converges(t, h, declare(declared["absent"])); !o.Diff.Empty() {
		t.Errorf("differs: %v", o.Diff)
	}
}

func TestPlantedLink(t *testing.T) {
	resourcetest.NeedsRoot(t, "only root can make a link of somebody else")
	const tree = "-- etc/passwd --\nroot:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n-- etc/group --\nroot:x:0:\nbob:x:1000:\n"
	for name, more := range map[string]string{
		"in his folder": "-- home/bob/ 0755 bob:bob --\n-- home/bob/conf -> /etc/passwd bob:bob --\n",
		"in root's":     "-- home/bob/ 0755 --\n-- home/bob/conf -> /etc/passwd bob:bob --\n",
		"in all's":      "-- home/bob/ 1777 --\n-- home/bob/conf -> /etc/passwd --\n",
	} {
		t.Run(name, func(t *testing.T) {
			err := resourcetest.Refuses(t, hosttest.New(t, tree+more), declare(func(l *Line) { l.Path = "/home/bob/conf" }))
			if !strings.Contains(err.Error(), "/home/bob/conf: refused") {
				t.Error(err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Line)
		want string
	}{
		{"path", func(l *Line) { l.Path = "conf" }, "path: "},
		{"no line", func(l *Line) { l.Line = "" }, "line: must be set"},
		{"nothing to remove", func(l *Line) { l.Line, l.Ensure = "", absent }, "line: must be set"},
		{"two lines", func(l *Line) { l.Line = "a\nb" }, "line: it must be one line"},
		{"match", func(l *Line) { l.Match = "(" }, "match: error parsing regexp"},
		{"after", func(l *Line) { l.After = "[" }, "after: error parsing regexp"},
		{"after of absent", func(l *Line) { l.After, l.Ensure = "a", absent }, "after: says where"},
		{"ensure", func(l *Line) { l.Ensure = "here" }, "ensure: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resourcetest.Invalid(t, declare(tc.edit), tc.want)
		})
	}
}

func TestIdentities(t *testing.T) {
	a := declare(declared["replaces"])
	b := declare(func(l *Line) { l.Line, l.Match = "root yes", a.Match })
	if a.Provides()[0] == b.Provides()[0] || a.Provides()[1] != b.Provides()[1] {
		t.Errorf("two lines for one pattern: %v, %v", a.Provides(), b.Provides())
	}
	want := []resources.Identity{{Kind: "path", Name: "/etc/conf", Nearest: true}}
	if diff := cmp.Diff(want, a.Requires()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/etc/conf"}, a.Locks()); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	h := node(t, "one\n\ntwo: 2\none\n")
	resourcetest.Lists(t, h, Type(), "/etc/conf", "/etc/conf: one", "/etc/conf: two: 2")
	for title, ensure := range map[string]string{"/etc/conf: one": present, "/etc/conf: two: 2": present, "/etc/conf: three": absent} {
		if l := resourcetest.Inspects(t, h, Type(), title).(*Line); l.Ensure != ensure {
			t.Errorf("%s: want %s, got %s", title, ensure, l.Ensure)
		}
	}
	for _, title := range []string{"/etc/conf", "/etc/conf: ", "etc/conf: one"} {
		l := Type().New(title).(*Line)
		l.Path = ""
		if err := l.Inspect(t.Context(), h); err == nil {
			t.Errorf("%q names no line", title)
		}
	}
}
