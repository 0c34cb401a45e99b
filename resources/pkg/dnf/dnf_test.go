package dnf

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// The database is one rpm -qa, whatever the number of packages; locks are those of dnf 4 and of dnf 5.
func TestRead(t *testing.T) {
	for name, tree := range map[string]string{
		"dnf 4": "-- etc/dnf/plugins/versionlock.list --\n# comment\ntwo-words-1:3-4.*\n!other-0:1-1.*\n",
		"dnf 5": "-- etc/dnf/versionlock.toml --\nversion = \"1.0\"\n[[packages]]\nname = \"two-words\"\n[[packages.conditions]]\nkey = \"evr\"\nvalue = \"1:3-4\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			h.Answer("rpm -qa", 0, "two-words\tnoarch\t1:3-4\ttwo-words mta \nother\tx86_64\t0:1-1\tother \ngpg-pubkey\t(none)\t0:1-1\tx \n")
			db, err := New("dnf").Read(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]manager.Package{
				"two-words":  {Name: "two-words", Arch: "noarch", Version: "1:3-4", Status: manager.Installed, Held: true, Provides: []string{"two-words", "mta"}},
				"other":      {Name: "other", Arch: "x86_64", Version: "1-1", Status: manager.Installed, Provides: []string{"other"}},
				"gpg-pubkey": {Name: "gpg-pubkey"},
			} {
				if diff := cmp.Diff(want, db.Find(name)); diff != "" {
					t.Error(diff)
				}
			}
			if owner, ok := db.Provider("mta"); !ok || owner.Name != "two-words" {
				t.Errorf("mta is provided by %q", owner.Name)
			}
			if calls := h.Calls(); len(calls) != 1 {
				t.Errorf("%q, want one", calls)
			}
		})
	}
}

func TestOffers(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("dnf -q -C repoquery --available --showduplicates", 0, "tool x86_64 0:1.0-1\ntool x86_64 0:2.0-1\ntool i686 0:1.0-1\n")
	h.Answer("dnf -q -C repoquery --available --qf", 0, "mta\nmta-one = 1-1\n")
	got, err := New("dnf").Offers(t.Context(), h, []string{"tool", "mta", "none"}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]manager.Offer{
		"tool":        {Candidate: "2.0-1", Versions: []string{"1.0-1", "2.0-1", "1.0-1"}},
		"tool.x86_64": {Candidate: "2.0-1", Versions: []string{"1.0-1", "2.0-1"}}, "tool.i686": {Candidate: "1.0-1", Versions: []string{"1.0-1"}}, "mta": {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Without a cache nothing is on offer; to have expired metadata fetched dnf is asked without -C, and then its failure is one.
func TestNoCache(t *testing.T) {
	h := hosttest.New(t, "")
	h.Handle("dnf -q", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 1, Stderr: []byte("Error: Cache-only enabled but no cache for 'one'\n")}, nil
	})
	if got, err := New("dnf").Offers(t.Context(), h, []string{"tool"}, false); len(got) > 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := New("dnf").Offers(t.Context(), h, []string{"tool"}, true); err == nil || !strings.Contains(err.Error(), "Cache-only") {
		t.Errorf("got %v", err)
	}
	if call := h.Calls()[len(h.Calls())-1]; strings.Contains(call, "-C") {
		t.Errorf("%q", call)
	}
}

// dnf never asks (-y) nor waits without a word (exit_on_lock); what it is given cannot be taken for an option.
func TestCommands(t *testing.T) {
	h := hosttest.New(t, "-- etc/tool.conf.rpmsave --\nold\n")
	var env [][]string
	h.Handle("dnf", func(_ context.Context, c host.Cmd) (host.Output, error) {
		env = append(env, c.Env)
		return host.Output{}, nil
	})
	h.Answer("rpm -qc -- purged", 0, "/etc/tool.conf\n")
	s := &manager.Session{Host: h}
	m := New("dnf")
	err := m.Commit(t.Context(), s, manager.Transaction{
		Install: []manager.Target{
			{Name: "plain"}, {Name: "exact.x86_64", Version: "1:2-3"}, {Name: "down", Version: "1-1", Have: "2-1"}, {Name: "file", Version: "1-1", File: "/x.rpm"},
		},
		Remove: []string{"gone"}, Purge: []string{"purged"}, Options: []string{"--enablerepo=x"}, NoStart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, hold := range []bool{true, false} {
		if err := m.Hold(t.Context(), s, hold, []string{"tool"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, all := range []bool{true, false} {
		if err := m.Refresh(t.Context(), s, all); err != nil {
			t.Fatal(err)
		}
	}
	const dnf = "dnf -q -y --setopt=exit_on_lock=True "
	want := []string{
		dnf + "--enablerepo=x downgrade -- down-1-1", dnf + "--enablerepo=x install -- plain exact-1:2-3.x86_64 /x.rpm",
		"? rpm -qc -- purged", dnf + "--setopt=clean_requirements_on_remove=False remove -- gone purged", dnf + "versionlock -- add tool", dnf + "versionlock -- delete tool", dnf + "--refresh makecache",
	}
	if diff := cmp.Diff(want, h.Calls()); diff != "" {
		t.Error(diff)
	}
	offline := []string{"SYSTEMD_OFFLINE=1"}
	if diff := cmp.Diff([][]string{offline, offline, offline, nil, nil, nil}, env); diff != "" {
		t.Error(diff)
	}
}

func TestHoldNeedsThePlugin(t *testing.T) {
	h := hosttest.New(t, "")
	h.Handle("dnf", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 1, Stderr: []byte("No such command: versionlock. Please use /usr/bin/dnf --help\n")}, nil
	})
	if err := New("dnf").Hold(t.Context(), &manager.Session{Host: h}, true, []string{"x"}); err == nil || !strings.Contains(err.Error(), "python3-dnf-plugin-versionlock") {
		t.Errorf("got %v", err)
	}
}

func TestLocked(t *testing.T) {
	for text, want := range map[string]manager.Holder{
		"Metadata already locked by 4711\n":            {Lock: "dnf's Metadata lock", PID: 4711},
		"Waiting for process with pid 12 to finish.\n": {Lock: "dnf's lock", PID: 12},
		"error: can't create transaction lock on /usr/lib/sysimage/rpm/.rpm.lock (Resource temporarily unavailable)\n": {Lock: "/usr/lib/sysimage/rpm/.rpm.lock"},
		"Error: no such package\n": {},
	} {
		got, ok := locked(host.Output{ExitCode: 1, Stderr: []byte(text)})
		if diff := cmp.Diff(want, got); diff != "" || ok != (want.Lock != "") {
			t.Errorf("%q: %t %s", text, ok, diff)
		}
	}
}

func TestFileVersion(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("rpm -qp", 0, "0:1.2-3")
	if got, err := New("dnf").Driver.(manager.FileVersioner).FileVersion(t.Context(), h, "/x.rpm"); err != nil || got != "1.2-3" {
		t.Errorf("got %q, %v", got, err)
	}
}

// What conflicts with a package that goes comes after that.
func TestConflict(t *testing.T) {
	h := hosttest.New(t, "")
	gone := false
	h.Handle("dnf -q -y --setopt=exit_on_lock=True install", func(context.Context, host.Cmd) (host.Output, error) {
		if !gone {
			return host.Output{ExitCode: 1, Stderr: []byte("Error: package new conflicts with old\n")}, nil
		}
		return host.Output{}, nil
	})
	h.Handle("dnf -q -y --setopt=exit_on_lock=True --setopt=clean_requirements_on_remove=False remove -- old", func(context.Context, host.Cmd) (host.Output, error) {
		gone = true
		return host.Output{}, nil
	})
	if err := New("dnf").Commit(t.Context(), &manager.Session{Host: h}, manager.Transaction{Install: []manager.Target{{Name: "new"}}, Remove: []string{"old"}}); err != nil {
		t.Error(err)
	}
}
