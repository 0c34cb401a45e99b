package repo

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// rpmKeys are the lines that the attributes become in a .repo file; a list is "v" and "w", a boolean is yes.
var rpmKeys = map[string]string{
	"descr": "name=v", "enabled": "enabled=1", "baseurl": "baseurl=http://v\n\thttp://w", "mirrorlist": "mirrorlist=v", "metalink": "metalink=v", "gpgcheck": "gpgcheck=1",
	"repo_gpgcheck": "repo_gpgcheck=1", "gpgkey": "gpgkey=v\n\tw", "priority": "priority=7", "exclude": "exclude=v w", "includepkgs": "includepkgs=v w", "cost": "cost=7",
	"metadata_expire": "metadata_expire=7", "module_hotfixes": "module_hotfixes=1", "proxy": "proxy=v", "proxy_username": "proxy_username=v",
	"proxy_password": "proxy_password=v", "username": "username=v", "password": "password=v", "sslverify": "sslverify=1", "sslcacert": "sslcacert=v",
	"sslclientcert": "sslclientcert=v", "sslclientkey": "sslclientkey=v", "skip_if_unavailable": "skip_if_unavailable=1",
}

// booleans are the attributes that are booleans with every provider.
var booleans = map[string]bool{
	"enabled": true, "gpgcheck": true, "repo_gpgcheck": true, "module_hotfixes": true, "sslverify": true, "skip_if_unavailable": true,
	"trusted": true, "check_valid_until": true,
}

// withAttr is a repository of which one attribute is declared.
func withAttr(provider, name string, values []string) *Repo {
	r := repoNamed("x", func(r *Repo) { r.Provider = provider })
	i := slices.IndexFunc(r.attrs(), func(a attr) bool { return a.name == name })
	switch v := r.attrs()[i].value.(type) {
	case *resources.Scalar:
		*v = resources.Scalar(values[0])
	case *resources.Strings:
		*v = values
	}
	return r
}

// Every attribute becomes its key with every provider that has it, is left alone in any other words for the same, and goes when it is absent; all
// else stays byte for byte, and so does the file's mode. Where a provider has no such key, the attribute is a mistake.
func TestKeys(t *testing.T) {
	for provider, tt := range map[string]struct {
		file, start, end string // around the section's further lines
		keys             map[string]string
	}{
		"dnf":    {"etc/yum.repos.d/x.repo", "# kept\n[a]\nkeep = 1\n[x]\n# mine\nunknown=7\n", "\n[b]\n", rpmKeys},
		"yum":    {"etc/yum.repos.d/x.repo", "[x]\n; kept\nunknown = 7\n", "", rpmKeys},
		"zypper": {"etc/zypp/repos.d/x.repo", "[x]\nautorefresh=1\n", "\n# the end", rpmKeys},
		"apt": {"etc/apt/sources.list.d/x.sources", "# kept\nUnknown: 7\n", "\n# more\n\nX-Repolib-ID: y\n", map[string]string{
			"descr": "X-Repolib-Name: v", "enabled": "Enabled: yes", "types": "Types: deb deb-src", "uris": "URIs: http://v http://w", "baseurl": "URIs: http://v http://w", "suites": "Suites: v w",
			"components": "Components: v w", "architectures": "Architectures: v w", "signed_by": "Signed-By: v", "trusted": "Trusted: yes", "check_valid_until": "Check-Valid-Until: yes",
		}},
		"pacman": {"etc/pacman.conf", "[options]\nColor\n[x]\n#kept\nUsage = All\n", "\n[core]\n", map[string]string{
			"baseurl": "Server = http://v\nServer = http://w", "mirrorlist": "Include = v", "gpgcheck": "SigLevel = Required DatabaseOptional",
		}},
	} {
		for _, a := range (&Repo{}).attrs() {
			t.Run(provider+" "+a.name, func(t *testing.T) {
				with := func(values ...string) *Repo { return withAttr(provider, a.name, values) }
				value, more, others := "v", "w", []string(nil)
				switch a.name {
				case "types":
					value, more = "deb", "deb-src"
				case "uris", "baseurl":
					value, more = "http://v", "http://w"
				case "priority", "cost", "metadata_expire":
					value = "7"
				}
				if booleans[a.name] {
					value, others = "yes", []string{"1", "true", "True", "on"}
				}
				if tt.keys[a.name] == "" {
					var attr *resources.AttrError
					if err := with(value).Validate(); !errors.As(err, &attr) || attr.Attr != a.name {
						t.Errorf("got %v, want a mistake in %s", err, a.name)
					}
					return
				}
				before := tt.start + tt.end
				h := hosttest.New(t, "-- "+tt.file+" 0640 --\n")
				if err := os.WriteFile(h.Path(tt.file), []byte(before), 0); err != nil {
					t.Fatal(err)
				}
				look := func(want string) {
					t.Helper()
					got, err := readAll(h, "/"+tt.file)
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Error(d)
					}
					if st, err := h.Lstat("/" + tt.file); err != nil || st.Mode != 0o640 {
						t.Errorf("mode %o, %v", st.Mode, err)
					}
				}
				o := resourcetest.Converges(t, h, with(value, more))
				if len(o.Diff.Changes) != 1 || o.Diff.Changes[0].Attr != a.name || o.Diff.Changes[0].From != absent {
					t.Errorf("changes: %+v", o.Diff.Changes)
				}
				look(tt.start + tt.keys[a.name] + "\n" + tt.end)
				for _, other := range others {
					if d := resourcetest.Check(t, h, with(other, more)); !d.Empty() {
						t.Errorf("%s is another value: %+v", other, d.Changes)
					}
				}
				if booleans[a.name] {
					if d := resourcetest.Check(t, h, with("0")); d.Empty() {
						t.Error("0 is the same value as yes")
					}
				}
				resourcetest.Converges(t, h, with(absent))
				look(before)
			})
		}
	}
}

// No attribute of the contract is forgotten in the table above.
func TestKeysAreAll(t *testing.T) {
	var names []string
	for _, a := range (&Repo{}).attrs() {
		names = append(names, a.name)
	}
	want := slices.Concat(slices.Collect(maps.Keys(rpmKeys)), []string{"types", "uris", "suites", "components", "architectures", "signed_by", "trusted", "check_valid_until"})
	slices.Sort(names)
	slices.Sort(want)
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

// The same address, key or list in other words is no difference.
func TestOtherWords(t *testing.T) {
	rpm := redhat + "-- etc/yum.repos.d/x.repo --\n[x]\n"
	apt := debian + "-- etc/apt/sources.list.d/x.sources --\n"
	for name, tt := range map[string]struct {
		tree string
		set  func(*Repo)
	}{
		"a list by commas":        {rpm + "exclude=a, b\n", func(r *Repo) { r.Exclude = resources.Strings{"a", "b"} }},
		"a list of lines":         {rpm + "exclude=a\n  b\n", func(r *Repo) { r.Exclude = resources.Strings{"a", "b"} }},
		"addresses on one line":   {rpm + "baseurl=http://a http://b\n", func(r *Repo) { r.Baseurl = resources.Strings{"http://a", "http://b"} }},
		"a key that is indented":  {apt + "Signed-By:\n   -----BEGIN PGP PUBLIC KEY BLOCK-----\n   .\n   abc\n   =x\n   -----END PGP PUBLIC KEY BLOCK-----\n", func(r *Repo) { r.SignedBy = armoured }},
		"a key and a blank line":  {apt + "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n =x\n -----END PGP PUBLIC KEY BLOCK-----\n .\n", func(r *Repo) { r.SignedBy = armoured }},
		"a key by its path":       {apt + "Signed-By: /etc/key.asc\n", func(r *Repo) { r.SignedBy = "/etc/key.asc" }},
		"fields in other letters": {apt + "uris: http://a\n", func(r *Repo) { r.Baseurl = resources.Strings{"http://a"} }},
	} {
		t.Run(name, func(t *testing.T) {
			if d := resourcetest.Check(t, hosttest.New(t, tt.tree), repoNamed("x", tt.set)); !d.Empty() {
				t.Errorf("differs: %+v", d.Changes)
			}
		})
	}
}

// What was fetched of a repository goes when it changes; what was fetched of others, whose names begin alike, stays.
func TestDropsCaches(t *testing.T) {
	for provider, tt := range map[string]struct{ tree, gone, kept string }{
		"dnf":    {"-- etc/yum.repos.d/x.repo --\n[x]\n", "var/cache/dnf/x-0123456789abcdef/repomd var/cache/dnf/x.solv var/cache/dnf/x-filenames.solvx var/cache/libdnf5/x-0123456789abcdef/repomd", "var/cache/dnf/x-y-0123456789abcdef/repomd var/cache/dnf/y.solv"},
		"yum":    {"-- etc/yum.repos.d/x.repo --\n[x]\n", "var/cache/yum/x/repomd", "var/cache/yum/xx/repomd"},
		"zypper": {"-- etc/zypp/repos.d/x.repo --\n[x]\n", "var/cache/zypp/raw/x/repomd var/cache/zypp/solv/x/solv", "var/cache/zypp/raw/xx/repomd var/cache/zypp/solv/y/solv"},
		"pacman": {"-- etc/pacman.conf --\n[x]\n", "var/lib/pacman/sync/x.db var/lib/pacman/sync/x.db.sig", "var/lib/pacman/sync/xx.db"},
		"apt": {"-- etc/apt/sources.list.d/x.sources --\nTypes: deb\nURIs: http://old\nSuites: s\nComponents: main\n",
			"var/lib/apt/lists/old_dists_s_InRelease var/lib/apt/lists/a_dists_s_InRelease", "var/lib/apt/lists/older_dists_s_InRelease var/lib/apt/lists/old_dists_ss_InRelease"},
	} {
		t.Run(provider, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(tt.tree)
			for _, name := range strings.Fields(tt.gone + " " + tt.kept) {
				b.WriteString("-- " + name + " --\nx\n")
			}
			h := hosttest.New(t, b.String())
			r := repoNamed("x", func(r *Repo) { r.Provider, r.Baseurl = provider, resources.Strings{"http://a"} })
			resourcetest.Converges(t, h, r)
			there := func(names string) (list []string) {
				for _, name := range strings.Fields(names) {
					if st, err := h.Lstat("/" + name); err == nil && st.Kind != 0 {
						list = append(list, name)
					}
				}
				return list
			}
			if left := there(tt.gone); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if d := cmp.Diff(strings.Fields(tt.kept), there(tt.kept)); d != "" {
				t.Error(d)
			}
		})
	}
}

// apply inspect repo:* finds every section, and every paragraph that has a name.
func TestList(t *testing.T) {
	for name, tt := range map[string]struct {
		tree string
		want []string
	}{
		"apt": {debian + `-- etc/apt/sources.list.d/two.sources --
Types: deb
URIs: http://a

X-Repolib-ID: named
Types: deb
URIs: http://b

Types: deb
URIs: http://c
-- etc/apt/sources.list.d/one.sources --
X-Repolib-ID: other
Types: deb
URIs: http://d
-- etc/apt/sources.list.d/line.list --
deb http://e s c
`, []string{"named", "other", "two"}},
		"dnf":    {redhat + "-- etc/yum.repos.d/all.repo --\n" + epel + "-- etc/yum.repos.d/b.repo --\n[b]\n[other]\n", []string{"b", "epel", "other"}},
		"pacman": {arch + "-- etc/pacman.conf --\n[options]\nInclude = /etc/pacman.d/mine\n[core]\n-- etc/pacman.d/mine --\n[x]\n", []string{"core", "x"}},
		"none":   {redhat, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tt.tree)
			got, err := repoNamed("").List(t.Context(), h, "*")
			slices.Sort(got)
			if d := cmp.Diff(tt.want, got); err != nil || d != "" {
				t.Error(err, d)
			}
			for _, title := range got {
				r := repoNamed(title)
				if err := r.Inspect(t.Context(), h); err != nil || r.Ensure != present {
					t.Errorf("%s: %v, %s", title, err, r.Ensure)
				}
			}
		})
	}
	h := hosttest.New(t, debian+"-- etc/apt/sources.list.d/line.list --\ndeb http://e s c\n")
	if err := repoNamed("line").Inspect(t.Context(), h); err == nil || !strings.Contains(err.Error(), "one-line form") {
		t.Errorf("of what has no attributes: %v", err)
	}
}
