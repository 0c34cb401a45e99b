package hosttest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

const tree = `-- etc/ 0755 root:root --
-- "etc/a file" 0600 root:root --
one
two
-- etc/empty 0644 root:root --
-- run/ 0755 root:root --
-- run/pipe| 0600 root:root --
-- var/ 0711 root:root --
-- var/run -> /run root:root --
`

func TestSnapshotIsTheTree(t *testing.T) {
	if diff := cmp.Diff(tree, hosttest.New(t, tree).Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestStampsShowWhatWasWritten(t *testing.T) {
	h := hosttest.New(t, tree)
	before := h.Stamps()
	if err := h.WriteFile(t.Context(), "/var/run/new", host.NewFile{Content: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	var changed []string
	for name, stamp := range h.Stamps() {
		if before[name] != stamp {
			changed = append(changed, name)
		}
	}
	if diff := cmp.Diff(map[string]bool{"/run": true, "/run/new": true}, set(changed)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func set(names []string) map[string]bool {
	all := map[string]bool{}
	for _, n := range names {
		all[n] = true
	}
	return all
}

func TestCommands(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("dpkg-query", 1, "none")
	h.Answer("dpkg-query -W", 0, "all")
	h.Handle("touch", func(_ context.Context, c host.Cmd) (host.Output, error) {
		return host.Output{}, os.WriteFile(h.Path(c.Args[1]), nil, 0o644)
	})
	for _, c := range []struct {
		args string
		want string
	}{
		{"dpkg-query -s x", "none"},
		{"/usr/bin/dpkg-query -W x", "all"},
	} {
		out, err := h.Query(t.Context(), host.Cmd{Args: strings.Fields(c.args)})
		if err != nil || string(out.Stdout) != c.want {
			t.Errorf("%s: want %q, got %q, %v", c.args, c.want, out.Stdout, err)
		}
	}
	if _, err := h.Run(t.Context(), host.Cmd{Args: []string{"touch", "/x"}}); err != nil {
		t.Fatal(err)
	}
	if st, err := h.Lstat("/x"); err != nil || st.Kind != host.Regular {
		t.Errorf("want a file, got %v, %v", st.Kind, err)
	}
	want := []string{"? dpkg-query -s x", "? /usr/bin/dpkg-query -W x", "touch /x"}
	if diff := cmp.Diff(want, h.Calls()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], h.Changes()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestUnknownCommandFailsTheTest(t *testing.T) {
	inner := &recorder{TB: t}
	h := hosttest.New(inner, "")
	if _, err := h.Run(t.Context(), host.Cmd{Args: []string{"rm", "-rf"}}); err == nil {
		t.Error("want an error")
	}
	if !inner.failed {
		t.Error("the test was not failed")
	}
}

type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestRealCommands(t *testing.T) {
	h := hosttest.New(t, "-- srv/ --\n", hosttest.RealCommands)
	out, err := h.Run(t.Context(), host.Cmd{Args: []string{"sh", "-c", "pwd; echo hi >$ROOT/srv/x"}, Dir: "/srv"})
	if err != nil || out.ExitCode != 0 {
		t.Fatalf("%v: %s", err, out.Stderr)
	}
	if diff := cmp.Diff(h.Path("/srv")+"\n", string(out.Stdout)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff("hi\n", h.Content("/srv/x")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAccounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: files of several owners cannot be made, only the caller's")
	}
	h := hosttest.New(t, "-- etc/passwd --\nbob:x:1234:100::/home/bob:/bin/sh\n-- etc/group --\nusers:x:100:\n-- home/bob/ 0700 bob:users --\n")
	if _, err := h.LookupUser(t.Context(), "nobody"); err == nil {
		t.Error("nobody: want an error, for the node has an /etc/passwd without it")
	}
	st, err := h.Lstat("/home/bob")
	if err != nil || st.UID != 1234 || st.GID != 100 {
		t.Errorf("want 1234:100, got %d:%d, %v", st.UID, st.GID, err)
	}
}

func TestMounts(t *testing.T) {
	h := hosttest.New(t, "-- mnt/a/ --\n-- etc/fstab --\n/dev/b /mnt/a ext4 noauto,noexec 0 0\n")
	h.Mount(host.Mount{Point: "/", Source: "/dev/a", FSType: "ext4", Options: []string{"rw"}})
	type step struct {
		cmd  string
		code int
		want string // the mounts after it
	}
	for _, s := range []step{
		{"mount /mnt/none", 1, "/ rw"},
		{"mount -t tmpfs tmpfs /none", 32, "/ rw"},
		{"mount /mnt/a", 0, "/ rw; /mnt/a rw,relatime,noexec"},
		{"mount -t tmpfs -o ro,nodev -- tmpfs /mnt/a", 0, "/ rw; /mnt/a rw,relatime,noexec; /mnt/a ro,relatime,nodev"},
		{"umount /", 32, "/ rw; /mnt/a rw,relatime,noexec; /mnt/a ro,relatime,nodev"},
		{"umount -- /mnt/a", 0, "/ rw; /mnt/a rw,relatime,noexec"},
		{"mount -o remount,ro /mnt/a", 0, "/ rw; /mnt/a ro,relatime,noexec"},
		{"umount /mnt/a", 0, "/ rw"},
		{"umount /mnt/a", 32, "/ rw"},
	} {
		out, err := h.Run(t.Context(), host.Cmd{Args: strings.Fields(s.cmd)})
		if err != nil || out.ExitCode != s.code {
			t.Errorf("%s: want %d, got %d, %v, %s", s.cmd, s.code, out.ExitCode, err, out.Stderr)
		}
		mounts, err := h.Mounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range mounts {
			got = append(got, m.Point+" "+strings.Join(m.Options, ","))
		}
		if diff := cmp.Diff(s.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s: -want +got\n%s", s.cmd, diff)
		}
	}
}

func TestUnits(t *testing.T) {
	h := hosttest.New(t, "")
	if _, err := h.Unit(t.Context(), "a.service"); !errors.Is(err, host.ErrNoSystemd) {
		t.Errorf("want %v, got %v", host.ErrNoSystemd, err)
	}
	synctest.Test(t, func(t *testing.T) {
		h.AddUnits(
			hosttest.Unit{Unit: host.Unit{Name: "a.service"}, Aliases: []string{"alias.service"}, DiesAfter: time.Second},
			hosttest.Unit{Unit: host.Unit{Name: "bad.service", UnitFileState: "static"}, Fails: "exit-code"},
		)
		state := func(name string) string {
			u, err := h.Unit(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join([]string{u.ID, u.LoadState, u.ActiveState, u.UnitFileState, u.Result}, " ")
		}
		for _, s := range []struct {
			name string
			verb host.Verb
			ok   bool
			want string
		}{
			{"none.service", host.Start, false, "none.service not-found inactive  success"},
			{"a.service", host.Reload, false, "a.service loaded inactive disabled success"},
			{"alias.service", host.Start, true, "a.service loaded active disabled success"},
			{"a.service", host.Enable, true, "a.service loaded active enabled success"},
			{"a.service", host.Stop, true, "a.service loaded inactive enabled success"},
			{"a.service", host.Mask, true, "a.service masked inactive masked success"},
			{"a.service", host.Start, false, "a.service masked inactive masked success"},
			{"a.service", host.Unmask, true, "a.service loaded inactive enabled success"},
			{"bad.service", host.Start, false, "bad.service loaded failed static exit-code"},
			{"bad.service", host.Enable, true, "bad.service loaded failed static exit-code"},
			{"a.service", host.Restart, true, "a.service loaded active enabled success"},
		} {
			if err := h.DoUnit(t.Context(), s.name, s.verb); (err == nil) != s.ok {
				t.Errorf("%s %s: %v", s.verb, s.name, err)
			}
			if diff := cmp.Diff(s.want, state(s.name)); diff != "" {
				t.Errorf("%s %s: -want +got\n%s", s.verb, s.name, diff)
			}
		}
		time.Sleep(time.Second) // of the bubble's clock
		if diff := cmp.Diff("a.service loaded failed enabled exit-code", state("a.service")); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}
