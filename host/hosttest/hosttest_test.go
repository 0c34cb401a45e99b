package hosttest_test

import (
	"context"
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
