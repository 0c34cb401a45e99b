package repo

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/repo/preferences"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// A pin is one rule of the repository's own file of preferences; what else is in that stays as long as the rule does.
func TestPin(t *testing.T) {
	const source = debian + "-- etc/apt/sources.list.d/x.sources --\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: s\nComponents: c\n"
	const file, rule = "-- etc/apt/preferences.d/x.pref 0640 --\n", "Explanation: why\nPackage: *\nPin: origin mirror.example\nPin-Priority: 500\n\n# more\nPackage: foo\nPin: version 1\nPin-Priority: 1\n"
	pin := func(p preferences.Pin) func(*Repo) { return func(r *Repo) { r.Pin = &p } }
	for name, tt := range map[string]struct {
		tree   string
		set    func(*Repo)
		change string
		want   string // the file of preferences; "" for none
	}{
		"new, of the host":         {source, pin(preferences.Pin{Packages: "*", Priority: "900"}), `pin: absent -> *; origin "mirror.example"; 900`, "Package: *\nPin: origin \"mirror.example\"\nPin-Priority: 900\n"},
		"new, of a release":        {source, pin(preferences.Pin{Packages: "foo", Pin: "release a=sid", Priority: "-1"}), `pin: absent -> foo; release a=sid; -1`, "Package: foo\nPin: release a=sid\nPin-Priority: -1\n"},
		"as it is, without quotes": {source + file + rule, pin(preferences.Pin{Packages: "*", Priority: "500"}), "", rule},
		"another priority": {source + file + rule, pin(preferences.Pin{Packages: "*", Priority: "501"}), `pin: *; origin "mirror.example"; 500 -> *; origin "mirror.example"; 501`,
			strings.NewReplacer("500", "501", "origin mirror.example", `origin "mirror.example"`).Replace(rule)},
		"not managed":              {source + file + rule, func(*Repo) {}, "", rule},
		"absent":                   {source + file + rule, pin(preferences.Pin{Packages: "*", Priority: absent}), `pin: *; origin "mirror.example"; 500 -> absent`, ""},
		"absent already":           {source, pin(preferences.Pin{Packages: "*", Priority: absent}), "", ""},
		"goes with its repository": {source + file + rule, removed, `ensure: present -> absent; pin: *; origin "mirror.example"; 500 -> absent`, ""},
		"of the address declared": {source, func(r *Repo) {
			r.Uris = resources.Strings{"https://u:p@new.example:8080/x"}
			r.Pin = &preferences.Pin{Packages: "*", Priority: "1"}
		},
			`uris: http://mirror.example/debian -> https://u:p@new.example:8080/x; pin: absent -> *; origin "new.example"; 1`, "Package: *\nPin: origin \"new.example\"\nPin-Priority: 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tt.tree)
			o := resourcetest.Converges(t, h, repoNamed("x", tt.set))
			if d := cmp.Diff(tt.change, changed(o.Diff)); d != "" {
				t.Error(d)
			}
			if st, err := h.Lstat("/etc/apt/preferences.d/x.pref"); err != nil || (st.Kind != 0) != (tt.want != "") {
				t.Fatalf("the file is there: %v, %v", st.Kind, err)
			}
			if tt.want == "" {
				return
			}
			if got, err := readAll(h, "/etc/apt/preferences.d/x.pref"); err != nil || got != tt.want {
				t.Error(err, cmp.Diff(tt.want, got))
			}
		})
	}
}

// What inspect says of a pin and of secrets: the priority alone where the rule is of the repository's host; never a password; no value that no
// manifest could have.
func TestInspected(t *testing.T) {
	h := hosttest.New(t, pinned+"Pin: origin m\nPin-Priority: 900\n")
	r := repoNamed("pin")
	if err := r.Inspect(t.Context(), h); err != nil || r.Pin == nil {
		t.Fatal(err, r.Pin)
	}
	if d := cmp.Diff(any("900"), r.Pin.MarshalAttr()); d != "" {
		t.Error(d)
	}
	h = hosttest.New(t, redhat+"-- etc/yum.repos.d/x.repo --\n[x]\nname=one\n two\nusername=u\npassword=secret\nproxy_password=secret\ncost=5\n")
	r = repoNamed("x")
	if err := r.Inspect(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]declaredAttr{{"cost", []string{"5"}}, {"username", []string{"u"}}}, r.declared(), cmp.AllowUnexported(declaredAttr{})); d != "" {
		t.Error(d)
	}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
}

// Keys, certificates, lists of mirrors and the file that it is written to come before a repository; two of one file are not edited at once.
func TestRequires(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(*Repo)
		want []string
	}{
		"apt":    {func(r *Repo) { r.Provider, r.SignedBy = "apt", "/etc/key.asc" }, []string{"/etc/key.asc", "/etc/apt/sources.list.d/x.sources"}},
		"pinned": {func(r *Repo) { r.Provider, r.Pin = "apt", &preferences.Pin{Priority: "900"} }, []string{"/etc/apt/sources.list.d/x.sources", "/etc/apt/preferences.d/x.pref"}},
		"armour": {func(r *Repo) { r.Provider, r.SignedBy = "apt", armoured }, []string{"/etc/apt/sources.list.d/x.sources"}},
		"dnf": {func(r *Repo) {
			r.Provider, r.Gpgkey, r.Sslcacert, r.Sslclientcert, r.Sslclientkey = "dnf", resources.Strings{"file:///k"}, "/ca", "/cert", "/key"
		}, []string{"/k", "/ca", "/cert", "/key", "/etc/yum.repos.d/x.repo"}},
		"zypper": {func(r *Repo) { r.Provider = "zypper" }, []string{"/etc/zypp/repos.d/x.repo"}},
		"pacman": {func(r *Repo) { r.Provider, r.Mirrorlist = "pacman", "/etc/pacman.d/mirrors" }, []string{"/etc/pacman.d/mirrors", "/etc/pacman.conf"}},
		"target": {func(r *Repo) { r.Provider, r.Target = "dnf", "mine.repo" }, []string{"/etc/yum.repos.d/mine.repo"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := repoNamed("x", tt.set)
			var got []string
			for _, id := range r.Requires() {
				got = append(got, id.Name)
				if id.Kind != "path" || !id.Nearest {
					t.Errorf("%+v", id)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			for _, touch := range r.Touches() {
				if !slices.Contains(tt.want, touch.Path) || touch.How != resources.Edits {
					t.Errorf("%+v", touch)
				}
			}
			if r.Pin != nil && len(r.Touches()) != 2 {
				t.Errorf("touches %+v", r.Touches())
			}
			if d := cmp.Diff([]string{"repos"}, r.Locks()); d != "" {
				t.Error(d)
			}
		})
	}
}
