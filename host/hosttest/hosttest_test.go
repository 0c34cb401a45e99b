package hosttest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

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
	for what, err := range map[string]error{
		"unit": second(h.Unit(t.Context(), "a.service")), "log": second(h.UnitLog(t.Context(), "a.service", 1)),
		"start": h.DoUnit(t.Context(), "a.service", host.Start), "reload": h.DaemonReload(t.Context()),
	} {
		if !errors.Is(err, host.ErrNoSystemd) {
			t.Errorf("%s: want %v, got %v", what, host.ErrNoSystemd, err)
		}
	}
	h.ForgetCalls()
	h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "a.service"}, Log: "started"})
	if err := errors.Join(h.DoUnit(t.Context(), "a.service", host.Start), h.DaemonReload(t.Context())); err != nil {
		t.Fatal(err)
	}
	u, err := h.Unit(t.Context(), "a.service")
	log, errLog := h.UnitLog(t.Context(), "a.service", 1)
	if err != nil || errLog != nil || u.ActiveState != "active" || log != "started" {
		t.Errorf("%+v, %v; %q, %v", u, err, log, errLog)
	}
	if diff := cmp.Diff([]string{"systemctl start a.service", "systemctl daemon-reload"}, h.Calls()); diff != "" {
		t.Error(diff)
	}
}

func second[T any](_ T, err error) error { return err }
