package zypper

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

func TestRead(t *testing.T) {
	h := hosttest.New(t, "-- etc/zypp/locks --\n\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: tool\n")
	h.Answer("rpm -qa", 0, "tool\tx86_64\t0:1.0-1\ttool mta \nother\tnoarch\t1:3-4\tother \n")
	db, err := New().Read(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]manager.Package{
		"tool":  {Name: "tool", Arch: "x86_64", Version: "1.0-1", Status: manager.Installed, Held: true, Provides: []string{"tool", "mta"}},
		"other": {Name: "other", Arch: "noarch", Version: "1:3-4", Status: manager.Installed, Provides: []string{"other"}},
	} {
		if diff := cmp.Diff(want, db.Find(name)); diff != "" {
			t.Error(diff)
		}
	}
	if calls := h.Calls(); len(calls) != 1 {
		t.Errorf("%q, want one", calls)
	}
}

const searched = `<?xml version='1.0'?><stream><search-result version="0.0"><solvable-list>
<solvable status="installed" name="tool" kind="package" edition="1.0-1" arch="x86_64" repository="(System Packages)"/>
<solvable status="other-version" name="tool" kind="package" edition="2.0-1" arch="x86_64" repository="one"/>
<solvable status="other-version" name="tool" kind="package" edition="1.5-1" arch="x86_64" repository="one"/>
</solvable-list></search-result></stream>`

// What is only installed is not on offer; a name that only others provide is known.
func TestOffers(t *testing.T) {
	const search = "zypper --non-interactive --xmlout --no-refresh search --details --match-exact --type package"
	h := hosttest.New(t, "")
	h.Answer(search, 0, searched)
	h.Answer(search+" --provides -- mta", 0, searched)
	h.Answer(search+" --provides -- none", nothingFound, "")
	got, err := New().Offers(t.Context(), h, []string{"tool", "mta", "none"}, false)
	if err != nil {
		t.Fatal(err)
	}
	tool := manager.Offer{Candidate: "2.0-1", Versions: []string{"2.0-1", "1.5-1"}}
	if diff := cmp.Diff(map[string]manager.Offer{"tool": tool, "tool.x86_64": tool, "mta": {}}, got); diff != "" {
		t.Error(diff)
	}
}

// zypper never asks; what goes and what comes is one transaction, but for what has nothing to do with installing.
func TestCommands(t *testing.T) {
	h := hosttest.New(t, "-- etc/tool.conf.rpmsave --\nold\n")
	var env [][]string
	h.Handle("zypper", func(_ context.Context, c host.Cmd) (host.Output, error) {
		env = append(env, c.Env)
		return host.Output{ExitCode: rebootNeeded}, nil
	})
	h.Answer("rpm -qc -- purged", 0, "/etc/tool.conf\n")
	s := &manager.Session{Host: h}
	m := New()
	for _, tx := range []manager.Transaction{
		{Install: []manager.Target{{Name: "plain"}, {Name: "exact", Version: "1:2-3"}, {Name: "file", File: "/x.rpm"}}, Options: []string{"--no-recommends"}, Downgrade: true},
		{Install: []manager.Target{{Name: "plain"}}, Remove: []string{"gone"}, Purge: []string{"purged"}, NoStart: true},
		{Remove: []string{"gone"}},
	} {
		if err := m.Commit(t.Context(), s, tx); err != nil {
			t.Fatal(err)
		}
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
	const zypper = "zypper --non-interactive --quiet "
	want := []string{
		zypper + "install --no-recommends --oldpackage -- plain exact=1:2-3 /x.rpm", "? rpm -qc -- purged", zypper + "install -- plain !gone !purged",
		zypper + "remove -- gone", zypper + "addlock -- tool", zypper + "removelock -- tool", zypper + "refresh --force",
	}
	if diff := cmp.Diff(want, h.Calls()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{nil, {"SYSTEMD_OFFLINE=1"}, nil, nil, nil, nil}, env); diff != "" {
		t.Error(diff)
	}
	if st, err := h.Lstat("/etc/tool.conf.rpmsave"); err != nil || st.Kind != host.Absent {
		t.Errorf("what the purged package left: %v, %v", st.Kind, err)
	}
}

func TestLocked(t *testing.T) {
	for name, tt := range map[string]struct {
		out  host.Output
		want manager.Holder
	}{
		"with its holder": {host.Output{ExitCode: locked, Stderr: []byte("System management is locked by the application with pid 99 (/usr/bin/zypper).\n")}, manager.Holder{Lock: "zypper's lock", PID: 99, Name: "zypper"}},
		"by its code":     {host.Output{ExitCode: locked}, manager.Holder{Lock: "zypper's lock"}},
		"something else":  {host.Output{ExitCode: nothingFound}, manager.Holder{}},
	} {
		got, ok := isLocked(tt.out)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want.Lock != "") {
			t.Errorf("%s: %t %s", name, ok, diff)
		}
	}
}
