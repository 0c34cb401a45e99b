package apt

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// Nothing asks (-y, what is silent, no input), waits without a word (the lock's timeout), or can be taken for an option; what goes and what comes is
// one transaction.
func TestArguments(t *testing.T) {
	const apt, keep = "apt-get -q -y -o DPkg::Lock::Timeout=0 -o Dir::Cache::pkgcache= -o Acquire::Retries=3 ", "-o Dpkg::Options::=--force-confold "
	for name, tt := range map[string]struct {
		tx   manager.Transaction
		want []string
	}{
		"install": {manager.Transaction{Install: []manager.Target{{Name: "a"}, {Name: "b", Version: "1.2-3"}, {Name: "c", File: "/srv/c.deb"}}},
			[]string{apt + keep + "install -- a b=1.2-3 /srv/c.deb"}},
		"options, replace, downgrade": {manager.Transaction{Install: []manager.Target{{Name: "a"}}, Options: []string{"--no-install-recommends"}, Replace: true, Downgrade: true},
			[]string{apt + "-o Dpkg::Options::=--force-confnew --allow-downgrades --no-install-recommends install -- a"}},
		"remove":            {manager.Transaction{Remove: []string{"a", "b"}, Downgrade: true}, []string{apt + keep + "remove -- a b"}},
		"purge":             {manager.Transaction{Purge: []string{"a"}}, []string{apt + keep + "purge -- a"}},
		"remove and purge":  {manager.Transaction{Remove: []string{"a"}, Purge: []string{"old"}}, []string{apt + keep + "remove -- a old", "dpkg --purge -- old"}},
		"install, remove":   {manager.Transaction{Install: []manager.Target{{Name: "a"}}, Remove: []string{"b"}}, []string{apt + keep + "install -- a b-"}},
		"install and purge": {manager.Transaction{Install: []manager.Target{{Name: "a"}}, Purge: []string{"b"}}, []string{apt + keep + "--purge install -- a b-"}},
		"all": {manager.Transaction{Install: []manager.Target{{Name: "a"}}, Remove: []string{"b"}, Purge: []string{"old"}},
			[]string{apt + keep + "install -- a b- old-", "dpkg --purge -- old"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- var/lib/dpkg/status --\n"+"Package: old\nStatus: deinstall ok config-files\nVersion: 1\n")
			run := func(_ context.Context, c host.Cmd) (host.Output, error) {
				if d := cmp.Diff(silent[:], c.Env); d != "" || c.Stdin != nil {
					t.Errorf("the environment: %s, the input: %v", d, c.Stdin)
				}
				return host.Output{}, nil
			}
			h.Handle("apt-get", run)
			h.Handle("dpkg", run)
			if err := New().Commit(t.Context(), &manager.Session{Host: h}, tt.tx); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, h.Calls()); d != "" {
				t.Error(d)
			}
		})
	}
}

// An update says that a repository is unreachable (Error-Mode), of all sources or of a file of them.
func TestUpdate(t *testing.T) {
	const source = "Types: deb\nURIs: http://m\nSuites: a\nComponents: c\n"
	h := hosttest.New(t, "-- etc/apt/sources.list.d/ --\n-- var/lib/apt/lists/fetched_dists_a_InRelease --\n-- var/lib/dpkg/status --\n"+statusText)
	h.Answer("apt-get", 100, "")
	old := h.Path("/etc/apt/sources.list.d/old.sources") // without lists for long, which is somebody's choice
	if err := os.WriteFile(old, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{old: time.Hour, h.Path(statusFile): time.Minute} {
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	m := New()
	if _, err := m.Read(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new", "fetched"} {
		text := strings.ReplaceAll(source, "http://m", "http://"+name)
		if err := h.WriteFile(t.Context(), "/etc/apt/sources.list.d/"+name+".sources", host.NewFile{Content: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	s := &manager.Session{Host: h}
	for _, all := range []bool{false, false, true} { // a second time nothing is tried again
		if err := m.Refresh(t.Context(), s, all); err == nil || !strings.Contains(err.Error(), "apt-get update") {
			t.Errorf("got %v", err)
		}
	}
	const update = "apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Retries=3 "
	want := []string{
		update + "-o Dir::Etc::sourcelist=/etc/apt/sources.list.d/new.sources -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 update", update + "update",
	}
	if d := cmp.Diff(want, h.Calls()); d != "" {
		t.Error(d)
	}
}

// What is the latest is asked once the lists of a changed source are there. Another apt that holds their lock is at that itself.
func TestOffersOfAChangedSource(t *testing.T) {
	const source = "/etc/apt/sources.list.d/new.sources"
	fetch := "? apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Retries=3 -o Dir::Etc::sourcelist=" + source + " -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 update"
	policy := "? apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy -- nginx"
	for name, tc := range map[string]struct {
		fresh  bool
		code   int
		stderr string
		want   []string // the commands of two questions
		err    string
	}{
		"fetched":        {true, 0, "", []string{fetch, policy, policy}, ""},
		"not needed":     {false, 0, "", []string{policy, policy}, ""},
		"cannot be":      {true, 100, "E: Failed to fetch it\n", []string{fetch}, "package lists: apt-get update of " + source + ": exit code 100: Failed to fetch it"},
		"fetched by apt": {true, 100, "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n", []string{fetch, policy, fetch, policy}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- var/lib/apt/lists/ --\n-- var/lib/dpkg/status --\n"+statusText+"-- "+source[1:]+" --\nTypes: deb\nURIs: http://m\nSuites: a\nComponents: c\n")
			h.Handle("apt-get", func(context.Context, host.Cmd) (host.Output, error) {
				return host.Output{ExitCode: tc.code, Stderr: []byte(tc.stderr)}, nil
			})
			h.Answer("apt-cache", 0, "")
			earlier := time.Now().Add(-time.Hour)
			if err := os.Chtimes(h.Path(statusFile), earlier, earlier); err != nil {
				t.Fatal(err)
			}
			m := New()
			if _, err := m.Read(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := m.Offers(t.Context(), h, []string{"nginx"}, tc.fresh); (err != nil || tc.err != "") && (err == nil || err.Error() != tc.err) {
					t.Errorf("want %q, got %v", tc.err, err)
				}
			}
			if d := cmp.Diff(tc.want, h.Calls()); d != "" {
				t.Error(d)
			}
		})
	}
}
