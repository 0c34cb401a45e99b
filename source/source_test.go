package source_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want source.Source
		key  string
	}{
		{"main.hcl", source.Source{Path: "main.hcl"}, "main.hcl"},
		{"./modules//x", source.Source{Path: "./modules//x"}, "./modules//x"},
		{"git::https://example.org/a/b.git", source.Source{URL: "https://example.org/a/b.git"}, "git::https://example.org/a/b.git"},
		{"git::https://example.org/b.git//site/web?ref=v1.2", source.Source{URL: "https://example.org/b.git", Folder: "site/web", Ref: "v1.2"},
			"git::https://example.org/b.git?ref=v1.2"},
		{"git::https://user@example.org:8443/b?ref=feature/x", source.Source{URL: "https://user@example.org:8443/b", Ref: "feature/x"},
			"git::https://user@example.org:8443/b?ref=feature/x"},
		{"git::ssh://git@example.org:2222/~me/b.git//x.hcl", source.Source{URL: "ssh://git@example.org:2222/~me/b.git", Folder: "x.hcl"},
			"git::ssh://git@example.org:2222/~me/b.git"},
		{"git::git@example.org:a/b.git//x?ref=main", source.Source{URL: "git@example.org:a/b.git", Folder: "x", Ref: "main"},
			"git::git@example.org:a/b.git?ref=main"},
		{"git::file:///srv/b//x", source.Source{URL: "file:///srv/b", Folder: "x"}, "git::file:///srv/b"},
		{"git::/srv/b//x/../y", source.Source{URL: "/srv/b", Folder: "y"}, "git::/srv/b"},
		{"git::https://example.org/b?ref=a%2Bb", source.Source{URL: "https://example.org/b", Ref: "a+b"}, "git::https://example.org/b?ref=a%2Bb"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := source.Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.key, got.Key()); got.Git() && diff != "" {
				t.Error(diff)
			}
			again, err := source.Parse(got.String())
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("by way of %q: %v %s", got, err, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "got nothing",
		"https://example.org/b":                  `did you mean "git::https://example.org/b"?`,
		"git::":                                  "not a URL",
		"git::repo":                              "not a URL",
		"git::http://example.org/b":              "http: not one of https, ssh, file",
		"git::ext::sh -c id":                     "not a",
		"git::https://u:secret@example.org/b":    "netrc",
		"https://u:secret@example.org/b":         `did you mean "git::https://u:xxxxx@example.org/b"?`,
		"git::https://u:secret@example.org/b?x=": `"x": only ref=`,
		"git::https://u:secret@example.org/b?%z": "invalid URL escape",
		"git::https://u:secret@[::1/b":           "not a URL",
		"git::https://u:sec/secret@h%zz/b":       "not a URL",
		"git::https://u:secret%zz@example.org/b": `"https://u:xxxxx@example.org/b": not a URL`,
		"git::https://h/b?token=secret":          `"token": only ref=`,
		"git::https://example.org/b?ref=":        "ref= names nothing",
		"git::https://example.org/b?depth=1":     `"depth": only ref=`,
		"git::https://example.org/b?ref=a&ref=b": "once",
		"git::https://example.org/b//../x":       "leads out of the repository",
		"git::https://example.org/b//..":         "leads out of the repository",
		"git::https://example.org/b//x/../..":    "leads out of the repository",
		"git::https://example.org/b///etc":       "leads out of the repository",
		"git::https://example.org":               "no path",
		"git::ssh://-oProxyCommand=id/b":         "not a part of a URL",
		"git::-oProxyCommand=id@example.org:b":   "not a part of a URL",
		"git::host:-x":                           "not a part of a URL",
		"git::https://example.org:99999/b":       "not a port",
		"git::file://srv/b":                      "begins with a slash",
		"git::/b?ref=-x":                         "not a reference",
		"git::/b?ref=a..b":                       "not a reference",
		"git::/b?ref=a%20b":                      "not a reference",
		"git::/b?ref=a%0Ab":                      "not a reference",
		"git::/b?ref=HEAD~2":                     "not a reference",
		"git::/b?ref=refs//x":                    "not a reference",
		"git::/b?ref=%zz":                        "invalid URL escape",
		"git::/b\nc":                             "control character",
		"git::/b//c\x00":                         "control character",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := source.Parse(text)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got %+v %v", want, got, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("tells the password: %v", err)
			}
		})
	}
}
