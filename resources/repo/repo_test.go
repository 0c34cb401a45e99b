package repo

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/repo/preferences"
	"github.com/nodeapply/apply/resources/resourcetest"
)

const (
	debian = "-- etc/os-release --\nID=debian\n-- usr/bin/apt-get --\n"
	redhat = "-- etc/os-release --\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n-- usr/bin/dnf --\n"
	arch   = "-- etc/os-release --\nID=arch\n-- usr/bin/pacman --\n"
)

const armoured = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n=x\n-----END PGP PUBLIC KEY BLOCK-----\n"

const epel = `# kept
[epel]
name=Old
baseurl=http://a
 http://b
enabled=yes
unknown = 7 # kept
password=x

[other]
enabled=0
`

func repoNamed(name string, set ...func(*Repo)) *Repo {
	r := Type().New(name).(*Repo)
	for _, s := range set {
		s(r)
	}
	return r
}

func removed(r *Repo) { r.Ensure = absent }

func changed(d resources.Diff) string {
	var list []string
	for _, c := range d.Changes {
		list = append(list, c.Attr+": "+c.From+" -> "+c.To)
	}
	return strings.Join(list, "; ")
}

func TestConverges(t *testing.T) {
	apt := func(r *Repo) {
		r.Uris, r.Suites, r.Components = resources.Strings{"http://m/debian"}, resources.Strings{"stable"}, resources.Strings{"main", "contrib"}
	}
	for name, tt := range map[string]struct {
		tree    string
		repo    *Repo
		changes string
		file    string // the file that is looked at
		want    string // what is in it; "" for no file
	}{
		"apt, new": {debian, repoNamed("m", apt, func(r *Repo) { r.SignedBy, r.Enabled, r.Descr = armoured, "true", "A mirror" }),
			"ensure: absent -> present; descr: absent -> A mirror; enabled: absent -> 1; uris: absent -> http://m/debian; suites: absent -> stable; components: absent -> main contrib; signed_by: absent -> " + strings.TrimSpace(armoured),
			"etc/apt/sources.list.d/m.sources",
			"Types: deb\nX-Repolib-Name: A mirror\nEnabled: yes\nURIs: http://m/debian\nSuites: stable\nComponents: main contrib\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n =x\n -----END PGP PUBLIC KEY BLOCK-----\n"},
		"apt, as declared in other words": {debian + "-- etc/apt/sources.list.d/m.sources --\n# mine\nTypes: deb\nURIs: http://m/debian\nSuites: stable\nComponents: main\n contrib\nEnabled: true\n", repoNamed("m", apt, func(r *Repo) { r.Enabled = "1" }), "",
			"etc/apt/sources.list.d/m.sources", "# mine\nTypes: deb\nURIs: http://m/debian\nSuites: stable\nComponents: main\n contrib\nEnabled: true\n"},
		"apt, one of two paragraphs by its id": {debian + "-- etc/apt/sources.list.d/all.sources 0640 --\nTypes: deb\nURIs: http://x\nSuites: a\nComponents: b\n\nX-Repolib-ID: m\nTypes: deb\nURIs: http://old\nSuites: stable\nComponents: main contrib\nTrusted: yes\n",
			repoNamed("m", apt, func(r *Repo) { r.Trusted = absent }), "uris: http://old -> http://m/debian; trusted: 1 -> absent",
			"etc/apt/sources.list.d/all.sources", "Types: deb\nURIs: http://x\nSuites: a\nComponents: b\n\nX-Repolib-ID: m\nTypes: deb\nURIs: http://m/debian\nSuites: stable\nComponents: main contrib\n"},
		"apt, a one-line file is replaced": {debian + "-- etc/apt/sources.list.d/m.list --\ndeb http://m/debian stable main\n", repoNamed("m", apt),
			"ensure: in one-line form in /etc/apt/sources.list.d/m.list -> present; uris: absent -> http://m/debian; suites: absent -> stable; components: absent -> main contrib", "etc/apt/sources.list.d/m.list", ""},
		"apt, absent": {debian + "-- etc/apt/sources.list.d/m.sources --\n# mine\nTypes: deb\nURIs: http://m\nSuites: a\nComponents: b\n", repoNamed("m", removed), "ensure: present -> absent", "etc/apt/sources.list.d/m.sources", ""},
		"apt, pin": {debian, repoNamed("m", apt, func(r *Repo) { r.Pin = &preferences.Pin{Packages: "*", Priority: "900"} }),
			`ensure: absent -> present; uris: absent -> http://m/debian; suites: absent -> stable; components: absent -> main contrib; pin: absent -> *; origin "m"; 900`,
			"etc/apt/preferences.d/m.pref", "Package: *\nPin: origin \"m\"\nPin-Priority: 900\n"},
		"dnf, new": {redhat, repoNamed("x", func(r *Repo) {
			r.Baseurl, r.Gpgcheck, r.Gpgkey, r.Priority = resources.Strings{"http://a", "http://b"}, "yes", resources.Strings{"http://k"}, "10"
		}), "ensure: absent -> present; baseurl: absent -> http://a http://b; gpgcheck: absent -> 1; gpgkey: absent -> http://k; priority: absent -> 10",
			"etc/yum.repos.d/x.repo", "[x]\nbaseurl=http://a\n\thttp://b\ngpgcheck=1\ngpgkey=http://k\npriority=10\n"},
		"dnf, target": {redhat, repoNamed("x", func(r *Repo) { r.Metalink, r.Target = "http://l", "mine.repo" }),
			"ensure: absent -> present; metalink: absent -> http://l", "etc/yum.repos.d/mine.repo", "[x]\nmetalink=http://l\n"},
		"dnf, a section of another file": {redhat + "-- etc/yum.repos.d/all.repo 0640 --\n" + epel, repoNamed("epel", func(r *Repo) {
			r.Descr, r.Enabled, r.Password, r.Baseurl, r.Cost = "New", "1", absent, resources.Strings{"http://a", "http://b"}, "5"
		}), "descr: Old -> New; cost: absent -> 5; password: x -> absent",
			"etc/yum.repos.d/all.repo", strings.NewReplacer("Old", "New", "password=x\n", "cost=5\n").Replace(epel)},
		"apt, absent, of several": {debian + "-- etc/apt/sources.list.d/m.sources --\nTypes: deb\nURIs: http://m\n\nTypes: deb\nURIs: http://security\n-- etc/apt/sources.list.d/n.sources --\nURIs: http://n\n\nURIs: http://m\nX-Repolib-ID: m\n",
			repoNamed("m", removed), "ensure: present -> absent", "etc/apt/sources.list.d/n.sources", "URIs: http://n\n\n"},
		"dnf, absent, in two files": {redhat + "-- etc/yum.repos.d/a.repo --\n[x]\nenabled=0\n-- etc/yum.repos.d/b.repo --\n[y]\nenabled=1\n[x]\nenabled=1\n",
			repoNamed("x", removed), "ensure: present -> absent", "etc/yum.repos.d/b.repo", "[y]\nenabled=1\n"},
		"dnf, one section of two goes": {redhat + "-- etc/yum.repos.d/all.repo --\n" + epel, repoNamed("epel", removed), "ensure: present -> absent",
			"etc/yum.repos.d/all.repo", "# kept\n[other]\nenabled=0\n"},
		"dnf, the last section goes": {redhat + "-- etc/yum.repos.d/x.repo --\n# a comment\n[x]\nenabled=0\n", repoNamed("x", removed), "ensure: present -> absent", "etc/yum.repos.d/x.repo", ""},
		"dnf, absent already":        {redhat, repoNamed("x", removed), "", "etc/yum.repos.d/x.repo", ""},
		"pacman": {arch + "-- etc/pacman.conf --\n[options]\nColor\n\n[core]\nInclude = /etc/pacman.d/mirrorlist\n", repoNamed("x", func(r *Repo) { r.Baseurl, r.Gpgcheck = resources.Strings{"http://a", "http://b"}, "1" }),
			"ensure: absent -> present; baseurl: absent -> http://a http://b; gpgcheck: absent -> Required DatabaseOptional",
			"etc/pacman.conf", "[options]\nColor\n\n[core]\nInclude = /etc/pacman.d/mirrorlist\n\n[x]\nServer = http://a\nServer = http://b\nSigLevel = Required DatabaseOptional\n"},
		"pacman, a section of an included file": {arch + "-- etc/pacman.conf --\n[options]\nInclude = /etc/pacman.d/mine\n-- etc/pacman.d/mine --\n[x]\nServer = http://a\n", repoNamed("x", removed), "ensure: present -> absent", "etc/pacman.d/mine", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tt.tree)
			before, _ := h.Lstat("/" + tt.file)
			o := resourcetest.Converges(t, h, tt.repo)
			if d := cmp.Diff(tt.changes, changed(o.Diff)); d != "" {
				t.Error(d)
			}
			st, err := h.Lstat("/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if st.Kind != 0 {
					t.Errorf("%s is still there", tt.file)
				}
				return
			}
			got, err := readAll(h, "/"+tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if before.Kind != 0 && before.Mode != st.Mode {
				t.Errorf("the mode of %s went from %o to %o", tt.file, before.Mode, st.Mode)
			}
		})
	}
}

func readAll(h *hosttest.Host, name string) (string, error) {
	f, err := h.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	_, err = io.Copy(&b, f)
	return b.String(), err
}

func TestNewFileWithPassword(t *testing.T) {
	h := hosttest.New(t, redhat)
	resourcetest.Converges(t, h, repoNamed("x", func(r *Repo) { r.Baseurl, r.Username, r.Password = resources.Strings{"http://a"}, "u", "p" }))
	if st, err := h.Lstat("/etc/yum.repos.d/x.repo"); err != nil || st.Mode != 0o600 {
		t.Errorf("mode %o (%v), want 600", st.Mode, err)
	}
}

// The mode of a file that is there stays: who can read the password that comes into it is told.
func TestPasswordIntoAReadableFile(t *testing.T) {
	for mode, notes := range map[string]int{"0644": 1, "0640": 1, "0600": 0} {
		h := hosttest.New(t, redhat+"-- etc/yum.repos.d/x.repo "+mode+" --\n[x]\nname=x\nbaseurl=http://a\n")
		r := repoNamed("x", func(r *Repo) { r.Username, r.Password = "u", "p" })
		d, err := r.Check(t.Context(), h)
		if err != nil || len(d.Notes) != notes {
			t.Errorf("%s: %q, %v; want %d notes", mode, d.Notes, err, notes)
		}
		resourcetest.Converges(t, h, r)
		if d, err = r.Check(t.Context(), h); err != nil || len(d.Notes) != 0 {
			t.Errorf("%s, with the password: %q, %v; want none", mode, d.Notes, err)
		}
	}
}

// What was fetched from a repository goes when it changes, and nothing else.
func TestDropsWhatWasFetched(t *testing.T) {
	h := hosttest.New(t, debian+`-- etc/apt/sources.list.d/m.sources --
Types: deb
URIs: http://m/debian
Suites: stable
Components: main
-- var/lib/apt/lists/m_debian_dists_stable_InRelease --
-- var/lib/apt/lists/m_debian_dists_stable_main_binary-amd64_Packages --
-- var/lib/apt/lists/m_debian_dists_stable-updates_InRelease --
-- var/lib/apt/lists/lock --
`)
	pin := repoNamed("m", func(r *Repo) { r.Pin = &preferences.Pin{Packages: "*", Priority: "1"} })
	resourcetest.Converges(t, h, pin)
	lists := func() string {
		var names []string
		for n, err := range h.ReadDir("/var/lib/apt/lists") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, n)
		}
		return strings.Join(names, " ")
	}
	all := "lock m_debian_dists_stable-updates_InRelease m_debian_dists_stable_InRelease m_debian_dists_stable_main_binary-amd64_Packages"
	if d := cmp.Diff(all, lists()); d != "" {
		t.Errorf("a pin needs no lists: %s", d)
	}
	resourcetest.Converges(t, h, repoNamed("m", func(r *Repo) { r.Components = resources.Strings{"main", "contrib"} }))
	if d := cmp.Diff("lock m_debian_dists_stable-updates_InRelease", lists()); d != "" {
		t.Error(d)
	}

	h = hosttest.New(t, redhat+"-- etc/yum.repos.d/all.repo --\n"+epel+"-- var/cache/dnf/epel-0123456789abcdef/repodata/x --\n-- var/cache/dnf/epel.solv --\n-- var/cache/dnf/epel-debug-0123456789abcdef/x --\n")
	resourcetest.Converges(t, h, repoNamed("epel", func(r *Repo) { r.Enabled = "0" }))
	snapshot := h.Snapshot()
	if strings.Contains(snapshot, "epel-0123") || strings.Contains(snapshot, "epel.solv") || !strings.Contains(snapshot, "epel-debug-0123") {
		t.Errorf("caches:\n%s", snapshot)
	}
}

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		repo *Repo
		attr string
	}{
		"name":                     {repoNamed("a/b"), "name"},
		"ensure":                   {repoNamed("a", func(r *Repo) { r.Ensure = "gone" }), "ensure"},
		"provider":                 {repoNamed("a", func(r *Repo) { r.Provider = "apk" }), "provider"},
		"components of a flat one": {repoNamed("a", func(r *Repo) { r.Suites, r.Components = resources.Strings{"s", "p/"}, resources.Strings{"main"} }), "components"},
		"two words for one":        {repoNamed("a", func(r *Repo) { r.Uris, r.Baseurl = resources.Strings{"http://x"}, resources.Strings{"http://y"} }), "uris"},
		"a second line":            {repoNamed("a", func(r *Repo) { r.Descr = "x\nenabled=1" }), "descr"},
		"no boolean":               {repoNamed("a", func(r *Repo) { r.Gpgcheck = "perhaps" }), "gpgcheck"},
		"no such key":              {repoNamed("a", func(r *Repo) { r.Provider, r.Gpgkey = "apt", resources.Strings{"k"} }), "gpgkey"},
		"suites for dnf":           {repoNamed("a", func(r *Repo) { r.Provider, r.Suites = "dnf", resources.Strings{"x"} }), "suites"},
		"a name that apt ignores":  {repoNamed("a:b", func(r *Repo) { r.Provider = "apt" }), "name"},
		"disabled in pacman":       {repoNamed("a", func(r *Repo) { r.Provider, r.Enabled = "pacman", "0" }), "enabled"},
		"absent among others":      {repoNamed("a", func(r *Repo) { r.Baseurl = resources.Strings{"x", absent} }), "baseurl"},
		"a target above its place": {repoNamed("a", func(r *Repo) { r.Target = "../x" }), "target"},
		"a target that none reads": {repoNamed("a", func(r *Repo) { r.Provider, r.Target = "dnf", "x" }), "target"},
		"dnf's own settings":       {repoNamed("main", func(r *Repo) { r.Provider = "dnf" }), "name"},
		"pacman's own settings":    {repoNamed("options", func(r *Repo) { r.Provider = "pacman" }), "name"},
		"no type":                  {repoNamed("a", func(r *Repo) { r.Types = resources.Strings{"deb", "rpm"} }), "types"},
		"no URI":                   {repoNamed("a", func(r *Repo) { r.Uris = resources.Strings{"http://x", "deb.example.org/debian"} }), "uris"},
		"no URI in other words":    {repoNamed("a", func(r *Repo) { r.Provider, r.Baseurl = "apt", resources.Strings{"/srv/one"} }), "baseurl"},
		"no priority":              {repoNamed("a", func(r *Repo) { r.Priority = "high" }), "priority"},
		"no cost":                  {repoNamed("a", func(r *Repo) { r.Cost = "1.5" }), "cost"},
		"no time":                  {repoNamed("a", func(r *Repo) { r.MetadataExpire = "soon" }), "metadata_expire"},
	} {
		t.Run(name, func(t *testing.T) {
			var attr *resources.AttrError
			if err := tt.repo.Validate(); !errors.As(err, &attr) || attr.Attr != tt.attr {
				t.Errorf("got %v, want a mistake in %s", err, tt.attr)
			}
		})
	}
}

// Values that a manager reads are no mistakes.
func TestGoodValues(t *testing.T) {
	for _, expire := range []resources.Scalar{"0", "-1", "90", "6h", "1.5d", "2W", "never", absent} {
		r := repoNamed("a", func(r *Repo) { r.MetadataExpire, r.Priority, r.Cost, r.Target = expire, "99", "1000", "x.repo" })
		r.Provider = "dnf"
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", expire, err)
		}
	}
}

func TestGoodURIs(t *testing.T) {
	for _, uri := range []string{"file:/srv/one", "mirror+https://x/list", "cdrom:[Debian]/", "http://[::1]:8080/ https://y", absent} {
		if err := repoNamed("a", func(r *Repo) { r.Uris = resources.Strings{uri} }).Validate(); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// Of two sections of one name in a file the manager takes what neither of them says alone; both may go.
func TestTwoSectionsOfOneName(t *testing.T) {
	const twice = redhat + "-- etc/yum.repos.d/a.repo --\n[a]\nname=one\n[a]\nname=two\n"
	r := repoNamed("a", func(r *Repo) { r.Descr = "one" })
	if err := resourcetest.Refuses(t, hosttest.New(t, twice), r); !strings.Contains(err.Error(), "/etc/yum.repos.d/a.repo has more than one section [a]") {
		t.Error(err)
	}
	resourcetest.Converges(t, hosttest.New(t, twice), repoNamed("a", removed))
}

func TestNeeds(t *testing.T) {
	for name, tt := range map[string]struct {
		tree string
		repo *Repo
		attr string
	}{
		"apt without uris":        {debian, repoNamed("a"), "uris"},
		"apt without components":  {debian, repoNamed("a", func(r *Repo) { r.Uris, r.Suites = resources.Strings{"x"}, resources.Strings{"y"} }), "components"},
		"dnf without an address":  {redhat, repoNamed("a"), "baseurl"},
		"apt with suites that go": {debian, repoNamed("a", func(r *Repo) { r.Uris, r.Suites = resources.Strings{"x"}, resources.Strings{absent} }), "suites"},
		"dnf with one that goes":  {redhat, repoNamed("a", func(r *Repo) { r.Baseurl = resources.Strings{absent} }), "baseurl"},
		"apk":                     {"-- etc/os-release --\nID=alpine\n-- sbin/apk --\n", repoNamed("a"), "provider"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tt.repo.Check(t.Context(), hosttest.New(t, tt.tree))
			var attr *resources.AttrError
			if !errors.As(err, &attr) || attr.Attr != tt.attr {
				t.Errorf("got %v, want a mistake in %s", err, tt.attr)
			}
		})
	}
}

const pinned = debian + "-- etc/apt/sources.list.d/pin.sources --\nTypes: deb\nURIs: http://m\nSuites: a\nComponents: c\n-- etc/apt/preferences.d/pin.pref --\nPackage: *\n"

// What Inspect fills in needs no change.
func TestInspect(t *testing.T) {
	for name, tree := range map[string]string{
		"epel":  redhat + "-- etc/yum.repos.d/all.repo --\n" + epel,
		"m":     debian + "-- etc/apt/sources.list.d/m.sources --\nTypes: deb deb-src\nURIs: http://m\nSuites: a b\nComponents: c\nEnabled: no\nSigned-By: /k\n",
		"x":     arch + "-- etc/pacman.conf --\n[options]\n[x]\nServer = http://a\nServer = http://b\nSigLevel = Never\n",
		"never": redhat,
		"pin":   pinned + `Pin: origin "m"` + "\nPin-Priority: 900\n",
		"bare":  strings.ReplaceAll(pinned, "/pin.", "/bare.") + "Pin: origin m\nPin-Priority: 900\n",
		"other": strings.ReplaceAll(pinned, "/pin.", "/other.") + "Pin: release a=sid\nPin-Priority: -1\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			r := repoNamed(name)
			if err := r.Inspect(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if name != "never" && len(r.declared()) < 2 {
				t.Errorf("found only %v", r.declared())
			}
			if strings.Contains(tree, "Pin:") && r.Pin == nil {
				t.Error("the pin was not found")
			}
			if r.Pin != nil { // as a manifest would say it
				value := r.Pin.MarshalAttr()
				r.Pin = &preferences.Pin{}
				if err := r.Pin.UnmarshalAttr(value); err != nil {
					t.Fatal(err)
				}
			}
			if d := changed(resourcetest.Check(t, h, r)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Repositories of one provider are before its packages, all of them; one repository is declared once; its key comes before it.
func TestIdentities(t *testing.T) {
	r := repoNamed("x", func(r *Repo) {
		r.Provider, r.Gpgkey = "yum", resources.Strings{"file:///etc/pki/key", "https://x/key"}
	})
	want := []resources.Identity{{Kind: "repo", Name: "dnf x"}, {Kind: "repos", Name: "dnf", Shared: true}}
	if d := cmp.Diff(want, r.Provides()); d != "" {
		t.Error(d)
	}
	p := pkg.Type().New("tool").(*pkg.Package)
	p.Provider = "dnf"
	if !slices.Contains(p.Requires(), want[1]) {
		t.Errorf("a package requires %+v", p.Requires())
	}
	if key := (resources.Identity{Kind: "path", Name: "/etc/pki/key", Nearest: true}); !slices.Contains(r.Requires(), key) {
		t.Errorf("want %+v in %+v", key, r.Requires())
	}
}
