package sources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestListPrefix(t *testing.T) { // the names on the right were read from a node's /var/lib/apt/lists
	for name, tt := range map[string]struct {
		entry Entry
		want  string
	}{
		"distribution":    {Entry{"http://deb.example/debian", "bookworm-updates"}, "deb.example_debian_dists_bookworm-updates_"},
		"slash at end":    {Entry{"http://deb.example/debian/", "stable/updates"}, "deb.example_debian_dists_stable_updates_"},
		"flat":            {Entry{"file:/srv/repo", "./"}, "_srv_repo_._"},
		"flat at root":    {Entry{"file:///srv/repo", "/"}, "_srv_repo_"},
		"special signs":   {Entry{"https://u:p@h:8080/a_b~c", "x"}, "h:8080_a%5fb%7ec_dists_x_"},
		"no access given": {Entry{"/srv/repo", "x"}, "_srv_repo_dists_x_"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.entry.listPrefix(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	list := ParseList("# deb http://no x main\ndeb [arch=amd64 signed-by=/k] http://a x main contrib # end\ndeb-src http://s x main\ndeb http://b ./\n\ndeb broken\n")
	if d := cmp.Diff([]Entry{{"http://a", "x"}, {"http://b", "./"}}, list); d != "" {
		t.Error(d)
	}
	list = parseSources("Types: deb deb-src\nURIs: http://a http://b\nSuites: x y\n\nTypes: deb\nURIs: http://off\nSuites: x\nEnabled: no\n\nTypes: deb-src\nURIs: http://src\nSuites: x\n")
	if d := cmp.Diff([]Entry{{"http://a", "x"}, {"http://a", "y"}, {"http://b", "x"}, {"http://b", "y"}}, list); d != "" {
		t.Error(d)
	}
}
