package yum

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

const tree = `-- etc/yum/pluginconf.d/versionlock.list --
# kept
0:tool-1.0-1.el7.*
1:two-words-3-4.*
!0:not-1-1.*
`

func TestThere(t *testing.T) {
	for name, test := range map[string]struct {
		tree string
		want bool
	}{
		"its own program": {"-- usr/bin/yum 0755 --\n#!/usr/bin/python\n", true},
		"a name of dnf":   {"-- usr/bin/yum -> dnf-3 --\n-- usr/bin/dnf-3 0755 --\n#!/usr/bin/python3\n", false},
		"not there":       {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := There(hosttest.New(t, test.tree)); got != test.want || err != nil {
				t.Errorf("want %v, got %v %v", test.want, got, err)
			}
		})
	}
}

func TestRead(t *testing.T) {
	h := hosttest.New(t, tree)
	h.Answer("rpm -qa", 0, "tool\tx86_64\t0:1.0-1.el7\ttool \ntwo-words\tnoarch\t1:3-4\ttwo-words \nnot\tnoarch\t0:1-1\tnot \n")
	db, err := New().Read(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]manager.Package{
		"tool":      {Name: "tool", Arch: "x86_64", Version: "1.0-1.el7", Status: manager.Installed, Held: true, Provides: []string{"tool"}},
		"two-words": {Name: "two-words", Arch: "noarch", Version: "1:3-4", Status: manager.Installed, Held: true, Provides: []string{"two-words"}},
		"not":       {Name: "not", Arch: "noarch", Version: "1-1", Status: manager.Installed, Provides: []string{"not"}},
	} {
		if diff := cmp.Diff(want, db.Find(name)); diff != "" {
			t.Error(diff)
		}
	}
}

// A list whose columns are too wide for a line goes on in the next one.
func TestOffers(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("yum -q -C list available", 0, `Available Packages
tool.x86_64                     1.0-1.el7                 base
tool.x86_64                     2.0-1.el7                 updates
a-name-that-is-longer-than-the-column.noarch
                                1:3-4                     base
`)
	h.Answer("yum -q -C provides", 0, "")
	h.Answer("yum -q -C provides -- mta", 0, "mta-one-1-1.noarch : one\nRepo        : base\nMatched from:\nProvides    : mta\n")
	got, err := New().Offers(t.Context(), h, []string{"tool", "a-name-that-is-longer-than-the-column", "mta", "none"}, false)
	if err != nil {
		t.Fatal(err)
	}
	long := manager.Offer{Candidate: "1:3-4", Versions: []string{"1:3-4"}}
	tool := manager.Offer{Candidate: "2.0-1.el7", Versions: []string{"1.0-1.el7", "2.0-1.el7"}}
	want := map[string]manager.Offer{
		"tool": tool, "tool.x86_64": tool, "mta": {}, "a-name-that-is-longer-than-the-column": long, "a-name-that-is-longer-than-the-column.noarch": long,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingOnOffer(t *testing.T) {
	for name, stderr := range map[string]string{
		"no such package": "Error: No matching Packages to list\n",
		"no cache":        "Error: Cannot retrieve metalink for repository: epel. Cache-only mode\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "")
			h.Handle("yum -q -C list", func(context.Context, host.Cmd) (host.Output, error) {
				return host.Output{ExitCode: 1, Stderr: []byte(stderr)}, nil
			})
			h.Answer("yum -q -C provides", 0, "No matches found\n")
			if got, err := New().Offers(t.Context(), h, []string{"x"}, false); len(got) > 0 || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	h := hosttest.New(t, tree)
	offline := 0
	h.Handle("yum", func(_ context.Context, c host.Cmd) (host.Output, error) {
		if slices.Equal(c.Env, []string{"SYSTEMD_OFFLINE=1"}) {
			offline++
		}
		return host.Output{}, nil
	})
	s := &manager.Session{Host: h}
	m := New()
	err := m.Commit(t.Context(), s, manager.Transaction{
		Install: []manager.Target{
			{Name: "plain"}, {Name: "exact.x86_64", Version: "1:2-3"}, {Name: "down", Version: "1-1", Have: "2-1"}, {Name: "file", Version: "1-1", File: "/x.rpm"},
		},
		Remove: []string{"gone"}, Options: []string{"--enablerepo=x"}, NoStart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, hold := range []bool{true, false} {
		if err := m.Hold(t.Context(), s, hold, []string{"tool", "two-words"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Refresh(t.Context(), s, true); err != nil {
		t.Fatal(err)
	}
	if offline != 3 {
		t.Errorf("%d commands in which services do not start, want downgrade, install and remove", offline)
	}
	const yum = "yum -q -y --setopt=exit_on_lock=1 "
	want := []string{
		yum + "--enablerepo=x downgrade -- down-1-1", yum + "--enablerepo=x install -- plain exact-2-3.x86_64 /x.rpm", yum + "remove -- gone",
		yum + "versionlock -- add tool two-words", yum + "versionlock -- delete 0:tool-1.0-1.el7.* 1:two-words-3-4.*",
		yum + "clean -- expire-cache", yum + "makecache -- fast",
	}
	if diff := cmp.Diff(want, h.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestHoldNeedsThePlugin(t *testing.T) {
	h := hosttest.New(t, tree)
	h.Handle("yum", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 1, Stderr: []byte("No such command: versionlock. Please use /usr/bin/yum --help\n")}, nil
	})
	if err := New().Hold(t.Context(), &manager.Session{Host: h}, true, []string{"x"}); err == nil || !strings.Contains(err.Error(), "yum-plugin-versionlock") {
		t.Errorf("got %v", err)
	}
}

func TestLocked(t *testing.T) {
	got, ok := locked(host.Output{ExitCode: 200, Stderr: []byte("Existing lock /var/run/yum.pid: another copy is running as pid 1234.\nAnother app is currently holding the yum lock; exiting\n")})
	if diff := cmp.Diff(manager.Holder{Lock: "/var/run/yum.pid", PID: 1234}, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
}
