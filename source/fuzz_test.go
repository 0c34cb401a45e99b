package source_test

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/source"
)

// FuzzParse: no source leads out of its repository, and none is anything but a path or one of the kinds of addresses that are meant.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"main.hcl", "git::https://example.org/a.git//x/y?ref=v1", "git::ssh://git@example.org:2222/~u/a", "git::git@example.org:a/b.git", "git::file:///srv/a//b",
		"git::/srv/a?ref=main", "git::ext::sh -c x", "git::-u:x", "git::ssh://-oProxyCommand=x/a", "git::https://u:p@h/a", "git::/a//../../b", "git::/a?ref=--x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := source.Parse(text)
		if err != nil || !s.Git() {
			return
		}
		if s.Folder == ".." || strings.HasPrefix(s.Folder, "../") || strings.HasPrefix(s.Folder, "/") {
			t.Errorf("%q leads out by %q", text, s.Folder)
		}
		if strings.HasPrefix(s.Ref, "-") || strings.HasPrefix(s.URL, "-") || strings.ContainsAny(s.URL+s.Ref, "\n\x00") {
			t.Errorf("%q: URL %q, reference %q", text, s.URL, s.Ref)
		}
	})
}
