package remote

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for raw, want := range map[string]Address{
		"https://example.org/a/b.git":      {Scheme: "https", Host: "example.org", Path: "/a/b.git"},
		"HTTPS://u@example.org:8443/b%20c": {Scheme: "https", User: "u", Host: "example.org", Port: 8443, Path: "/b c"},
		"https://[::1]:8443/b":             {Scheme: "https", Host: "::1", Port: 8443, Path: "/b"},
		"ssh://git@example.org/b":          {Scheme: "ssh", User: "git", Host: "example.org", Path: "/b"},
		"ssh://example.org:22/~me/b":       {Scheme: "ssh", Host: "example.org", Port: 22, Path: "~me/b"},
		"git@example.org:a/b":              {Scheme: "ssh", User: "git", Host: "example.org", Path: "a/b"},
		"example.org:/srv/b":               {Scheme: "ssh", Host: "example.org", Path: "/srv/b"},
		"file:///srv/../srv/b":             {Scheme: "file", Path: "/srv/b"},
		"file://localhost/srv/b":           {Scheme: "file", Path: "/srv/b"},
		"/srv/b/":                          {Scheme: "file", Path: "/srv/b"},
	} {
		got, err := Parse(raw)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", raw, err, diff)
		}
	}
}

func TestWhatAServerSaysIsPrintable(t *testing.T) {
	err := printable{fmt.Errorf("ERR \x1b[2J\n%s", strings.Repeat("x", 1000))}
	if got := err.Error(); len(got) > 400 || !strings.HasPrefix(got, "ERR  [2J xxx") {
		t.Errorf("%q", got)
	}
}
