package repofile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
)

func TestPath(t *testing.T) {
	for _, tt := range []struct{ provider, target, want string }{
		{"apt", "", "/etc/apt/sources.list.d/x.sources"},
		{"dnf", "", "/etc/yum.repos.d/x.repo"},
		{"yum", "all.repo", "/etc/yum.repos.d/all.repo"},
		{"zypper", "", "/etc/zypp/repos.d/x.repo"},
		{"zypper", "/srv/x.repo", "/srv/x.repo"},
		{"pacman", "", "/etc/pacman.conf"},
		{"pacman", "extra.conf", "/etc/extra.conf"},
	} {
		t.Run(tt.provider+" "+tt.target, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Of(tt.provider).Path("x", tt.target)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A value that a file has in other words is the declared one: it is not written again.
func TestSet(t *testing.T) {
	for name, tt := range map[string]struct {
		provider, node, attr string
		values               []string
		normal, attribute    string // as read before
		want                 string
	}{
		"boolean in other words": {"dnf", "-- etc/yum.repos.d/o.repo --\n[x]\nenabled = Yes\n", "enabled", []string{"1"}, "1", "true", "[x]\nenabled = Yes\n"},
		"another boolean":        {"dnf", "-- etc/yum.repos.d/o.repo --\n[x]\nenabled = Yes\n", "enabled", []string{"no"}, "1", "true", "[x]\nenabled = 0\n"},
		"list by commas":         {"dnf", "-- etc/yum.repos.d/o.repo --\n[x]\nexclude=a, b\n", "exclude", []string{"a", "b"}, "a b", "a b", "[x]\nexclude=a, b\n"},
		"list on lines":          {"zypper", "-- etc/zypp/repos.d/o.repo --\n[x]\nbaseurl=a\n", "baseurl", []string{"a", "b"}, "a", "a", "[x]\nbaseurl=a\n\tb\n"},
		"words of apt": {"apt", "-- etc/apt/sources.list.d/x.sources --\nURIs: http://a\n Http://b\n", "uris", []string{"http://a", "Http://b"},
			"http://a Http://b", "http://a Http://b", "URIs: http://a\n Http://b\n"},
		"apt says yes":           {"apt", "-- etc/apt/sources.list.d/x.sources --\nEnabled: off\n", "enabled", []string{"true"}, "0", "false", "Enabled: yes\n"},
		"signatures of pacman":   {"pacman", "-- etc/pacman.conf --\n[x]\nSigLevel = Never\n", "gpgcheck", []string{"1"}, "Never", "false", "[x]\nSigLevel = Required DatabaseOptional\n"},
		"an included file's own": {"pacman", "-- etc/pacman.conf --\n[options]\nInclude = /etc/o.conf\n-- etc/o.conf --\n[x]\nServer=a\n", "baseurl", []string{"b"}, "a", "a", "[x]\nServer=b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := Of(tt.provider)
			e, err := f.Open(hosttest.New(t, tt.node), "x", "")
			if err != nil || !e.There || !e.Exists {
				t.Fatalf("%+v, %v", e, err)
			}
			normal, _ := e.Get(tt.attr)
			attribute, _ := e.Attribute(tt.attr)
			e.Set(tt.attr, tt.values)
			after, _ := e.Get(tt.attr)
			want := []string{tt.normal, tt.attribute, f.Normal(tt.attr, tt.values), tt.want}
			if diff := cmp.Diff(want, []string{normal, attribute, after, e.String()}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The last section takes its file with it, but for the one file that a manager has.
func TestDrop(t *testing.T) {
	for name, tt := range map[string]struct {
		provider, node, text string
		last                 bool
	}{
		"one of two":       {"dnf", "-- etc/yum.repos.d/x.repo --\n[x]\n[y]\n", "[y]\n", false},
		"the last":         {"dnf", "-- etc/yum.repos.d/x.repo --\n[x]\na=b\n", "", true},
		"the manager's":    {"pacman", "-- etc/pacman.conf --\n[x]\n", "", false},
		"paragraph":        {"apt", "-- etc/apt/sources.list.d/y.sources --\nURIs: y\n\nX-Repolib-ID: x\n", "URIs: y\n\n", false},
		"the last of apt":  {"apt", "-- etc/apt/sources.list.d/x.sources --\nURIs: y\n", "", true},
		"there is no such": {"dnf", "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Of(tt.provider).Open(hosttest.New(t, tt.node), "x", "")
			if err != nil {
				t.Fatal(err)
			}
			text, last := e.Drop()
			if text != tt.text || last != tt.last {
				t.Errorf("%q, %t", text, last)
			}
		})
	}
}

func TestFetched(t *testing.T) {
	for name, tt := range map[string]struct {
		provider, node string
		want           []string
	}{
		"apt": {"apt", `-- etc/apt/sources.list.d/x.sources --
Types: deb
URIs: http://a
Suites: s
-- etc/apt/sources.list.d/x.list --
deb http://b t c
-- var/lib/apt/lists/a_dists_s_InRelease --
-- var/lib/apt/lists/b_dists_t_InRelease --
-- var/lib/apt/lists/c_dists_t_InRelease --
`, []string{"/var/lib/apt/lists/a_dists_s_InRelease", "/var/lib/apt/lists/b_dists_t_InRelease"}},
		"dnf": {"dnf", "-- var/cache/dnf/x-0123456789abcdef/ --\n-- var/cache/dnf/x.solv --\n-- var/cache/dnf/xy.solv --\n-- var/cache/dnf/x-other-0123456789abcdef/ --\n",
			[]string{"/var/cache/dnf/x-0123456789abcdef", "/var/cache/dnf/x.solv"}},
		"zypper": {"zypper", "", []string{"/var/cache/zypp/raw/x", "/var/cache/zypp/solv/x"}},
		"pacman": {"pacman", "", []string{"/var/lib/pacman/sync/x.db", "/var/lib/pacman/sync/x.db.sig"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tt.node)
			e, err := Of(tt.provider).Open(h, "x", "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Fetched(h)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for provider, tt := range map[string]struct {
		node string
		want []string
	}{
		"apt":    {"-- etc/apt/sources.list.d/x.sources --\nURIs: a\n\nX-Repolib-ID: y\n\nURIs: c\n", []string{"x", "y"}},
		"dnf":    {"-- etc/yum.repos.d/a.repo --\n[x]\n[y]\n-- etc/distro.repos.d/b.repo --\n[y]\n[z]\n", []string{"x", "y", "z"}},
		"pacman": {"-- etc/pacman.conf --\n[options]\nColor\n[core]\nInclude = /etc/m\n-- etc/m --\n[more]\n", []string{"core", "more"}},
	} {
		t.Run(provider, func(t *testing.T) {
			got, err := Of(provider).Names(hosttest.New(t, tt.node))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}
