package pacman

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

const tree = `-- etc/pacman.conf --
# kept
[options]
IgnorePkg = tool absent
IgnorePkg = another

[one]
Server = file:///srv/one
-- var/lib/pacman/local/ALPM_DB_VERSION --
9
-- var/lib/pacman/local/tool-1.0-1/desc --
%NAME%
tool

%VERSION%
1.0-1

%ARCH%
any

%PROVIDES%
mta=3
-- var/lib/pacman/sync/one.db --
-- var/cache/pacman/pkg/tool-0.9-1-any.pkg.tar.zst --
-- var/cache/pacman/pkg/tool-more-3-1-any.pkg.tar.zst --
`

// The database is files: no process is needed.
func TestRead(t *testing.T) {
	h := hosttest.New(t, tree)
	db, err := New().Read(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]manager.Package{
		"tool":    {Name: "tool", Version: "1.0-1", Arch: "any", Status: manager.Installed, Held: true, Provides: []string{"mta"}},
		"another": {Name: "another", Held: true},
		"none":    {Name: "none"},
	} {
		if diff := cmp.Diff(want, db.Find(name)); diff != "" {
			t.Error(diff)
		}
	}
	if owner, ok := db.Provider("mta"); !ok || owner.Name != "tool" {
		t.Errorf("mta is provided by %q", owner.Name)
	}
	if calls := h.Calls(); len(calls) > 0 {
		t.Errorf("processes: %q", calls)
	}
}

// answers is a table in which two repositories have tool, and mta is what others provide.
func answers(t *testing.T) *hosttest.Host {
	h := hosttest.New(t, tree)
	h.Answer("pacman", 0, "")
	h.Answer("pacman -Sl", 0, "one tool 2.0-1 [installed: 1.0-1]\ntwo tool 3.0-1\ntwo other 1-1\n")
	h.Handle("pacman -Sp", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 1, Stderr: []byte("error: target not found: none\n")}, nil
	})
	return h
}

func TestOffers(t *testing.T) {
	got, err := New().Offers(t.Context(), answers(t), []string{"tool", "mta", "none"}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]manager.Offer{"tool": {Candidate: "2.0-1", Versions: []string{"0.9-1", "2.0-1"}}, "mta": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// pacman never asks; a version that no repository has comes from the cache; what takes another's place is there before that goes.
func TestCommands(t *testing.T) {
	h := answers(t)
	var env []string
	h.Handle("pacman -S", func(_ context.Context, c host.Cmd) (host.Output, error) {
		env = c.Env
		return host.Output{}, nil
	})
	s := &manager.Session{Host: h}
	m := New()
	err := m.Commit(t.Context(), s, manager.Transaction{
		Install: []manager.Target{{Name: "other"}, {Name: "tool", Version: "2.0-1"}, {Name: "tool", Version: "0.9-1"}, {Name: "file", File: "/x.pkg.tar.zst"}},
		Remove:  []string{"gone"}, Purge: []string{"purged"}, Options: []string{"--asdeps"}, NoStart: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Refresh(t.Context(), s, true); err != nil {
		t.Fatal(err)
	}
	if err := m.Refresh(t.Context(), s, false); err != nil { // the only repository's database is there
		t.Fatal(err)
	}
	want := []string{
		"pacman -S --noconfirm --noprogressbar --needed --asdeps -- other tool",
		"pacman -U --noconfirm --noprogressbar --asdeps -- /var/cache/pacman/pkg/tool-0.9-1-any.pkg.tar.zst /x.pkg.tar.zst",
		"pacman -R --noconfirm --noprogressbar -- gone", "pacman -Rn --noconfirm --noprogressbar -- purged", "pacman -Sy --noconfirm --noprogressbar",
	}
	if diff := cmp.Diff(want, slices.DeleteFunc(h.Calls(), func(c string) bool { return c[0] == '?' })); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"SYSTEMD_OFFLINE=1"}, env); diff != "" {
		t.Error(diff)
	}
}

func TestUnfetched(t *testing.T) {
	h := answers(t)
	if err := h.Remove(t.Context(), "/var/lib/pacman/sync/one.db", false); err != nil {
		t.Fatal(err)
	}
	if err := New().Refresh(t.Context(), &manager.Session{Host: h}, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pacman -Sy --noconfirm --noprogressbar"}, h.Calls()); diff != "" {
		t.Error(diff)
	}
}

// The mark is a word of IgnorePkg; all else in the file stays.
func TestHold(t *testing.T) {
	h := answers(t)
	s := &manager.Session{Host: h}
	for _, step := range []struct {
		hold  bool
		names []string
		want  string
	}{
		{true, []string{"new"}, "IgnorePkg = tool absent another new\n"},
		{false, []string{"tool", "absent", "another"}, "IgnorePkg = new\n"},
		{false, []string{"new"}, ""},
	} {
		if err := New().Hold(t.Context(), s, step.hold, step.names); err != nil {
			t.Fatal(err)
		}
		got, err := host.ReadFile(h, confFile)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("# kept\n[options]\n"+step.want+"\n[one]\nServer = file:///srv/one\n", got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLockedAndFileVersion(t *testing.T) {
	got, ok := locked(host.Output{ExitCode: 1, Stderr: []byte("error: failed to init transaction (unable to lock database)\n")})
	if diff := cmp.Diff(manager.Holder{Lock: lockFile}, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
	if _, ok := locked(host.Output{ExitCode: 1, Stderr: []byte("error: target not found: x\n")}); ok {
		t.Error("not every failure is a lock")
	}
	h := hosttest.New(t, "")
	h.Answer("pacman -Qp", 0, "tool 1.2-3\n")
	if v, err := New().Driver.(manager.FileVersioner).FileVersion(t.Context(), h, "/x"); err != nil || v != "1.2-3" {
		t.Errorf("got %q, %v", v, err)
	}
}
