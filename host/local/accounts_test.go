package local_test

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

func TestAccounts(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(dir+"/etc", 0o755), os.WriteFile(dir+"/etc/"+name, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	l := opened(t, dir)
	if _, err := l.LookupUser(t.Context(), "bob"); !errors.Is(err, host.ErrUnknownAccount) || err.Error() != `user "bob": unknown to this node` {
		t.Errorf("without a file: %v", err)
	}
	put("passwd", "# comment\nroot:x:0:0::/root:/bin/sh\nbob:x:10:20:Bob:/home/bob:/bin/zsh\nbob:x:11:21::/:/\n+nis::::::\nbad:x:y:0::/:\nshort:x:1\n")
	put("group", "root:x:0:\nbobs:x:20:\nusers:x:30:alice,bob\nwheel:x:40:bob\nothers:x:50:bobby\n")
	bob := host.User{Name: "bob", UID: 10, GID: 20, Home: "/home/bob", Shell: "/bin/zsh"}
	for name, want := range map[string]host.User{"bob": bob, "10": bob, "77": {Name: "77", UID: 77, GID: 77}, "root": {Name: "root", Home: "/root", Shell: "/bin/sh"}} {
		got, err := l.LookupUser(t.Context(), name)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	for name, want := range map[string]host.Group{"users": {Name: "users", GID: 30}, "40": {Name: "wheel", GID: 40}, "99": {Name: "99", GID: 99}} {
		if got, err := l.LookupGroup(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: want %v, got %v, %v", name, want, got, err)
		}
	}
	for _, name := range []string{"bad", "short", "", "-1", "4294967296", "nis", "--help"} {
		if got, err := l.LookupUser(t.Context(), name); !errors.Is(err, host.ErrUnknownAccount) {
			t.Errorf("%q: want %v, got %v, %v", name, host.ErrUnknownAccount, got, err)
		}
	}
	ids, err := l.Memberships(t.Context(), bob, 20)
	if diff := cmp.Diff([]uint32{20, 30, 40}, ids); diff != "" || err != nil {
		t.Errorf("memberships: %v -want +got\n%s", err, diff)
	}
	put("passwd", "bob:x:12:20:Bob:/home/bob:/bin/zsh\n")
	if got, err := l.LookupUser(t.Context(), "bob"); err != nil || got.UID != 12 {
		t.Errorf("after a change: want 12, got %d, %v", got.UID, err)
	}
	if l.Started() != 0 {
		t.Errorf("%d processes were started where there is no getent", l.Started())
	}
}

func TestUnknownToTheNameServices(t *testing.T) {
	l, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.LookupUser(t.Context(), "no-such-user"); !errors.Is(err, host.ErrUnknownAccount) {
		t.Errorf("want %v, got %v", host.ErrUnknownAccount, err)
	}
}

// An error about the file in which owners are looked up must not be one that waits for itself.
func TestAccountsThatSomebodyPlanted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: links of other users")
	}
	dir := t.TempDir()
	for _, err := range []error{os.Chmod(dir, 0o755), os.Symlink("/srv", dir+"/etc"), os.Lchown(dir+"/etc", 65534, 65534)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l := opened(t, dir)
	_, err := l.Lstat("/etc/x")
	if want := "/etc: refused: a link that its owner may have planted (owner 65534)"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}
