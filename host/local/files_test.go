package local_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/local"
)

// opened is the node that lies in dir, until the test ends.
func opened(t testing.TB, dir string) *local.Node {
	t.Helper()
	l, err := local.New(local.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func ptr(n uint32) *uint32 { return &n }

func content(s string) host.NewFile { return host.NewFile{Content: strings.NewReader(s)} }

func read(t *testing.T, v host.FileReader, name string) string {
	t.Helper()
	f, err := v.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func needsRoot(t *testing.T, without string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: " + without)
	}
}

func TestXattrsAndACLsAreKept(t *testing.T) {
	h := hosttest.New(t, "-- a 0640 --\nold\n")
	acl := []byte("\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x01\x00\x00\x00" +
		"\x04\x00\x00\x00\xff\xff\xff\xff" + "\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff")
	for name, value := range map[string][]byte{"user.origin": []byte("here"), "system.posix_acl_access": acl} {
		if err := unix.Setxattr(h.Path("a"), name, value, 0); errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("left out: the file system of the temporary directory has no " + name)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	want, err := h.Xattrs("/a")
	if err != nil || len(want) != 2 {
		t.Fatalf("want two attributes, got %v, %v", want, err)
	}
	if err := h.WriteFile(t.Context(), "/a", content("new\n")); err != nil {
		t.Fatal(err)
	}
	got, err := h.Xattrs("/a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := h.SetMeta(t.Context(), "/a", host.Meta{Xattrs: map[string][]byte{"user.origin": nil}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.Xattrs("/a"); len(got) != 1 {
		t.Errorf("want the ACL alone, got %v", got)
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	h := hosttest.New(t, "-- pipe| --\n-- d/ --\n-- l -> a --\n-- a --\n")
	for name, want := range map[string]string{
		"/pipe": "open: /pipe is a fifo, not a file",
		"/d":    "open: /d is a directory, not a file",
		"/l":    "open: /l is a link, not a file",
		"/none": "open: no such file or directory",
	} {
		_, err := h.Open(name)
		if err == nil || err.Error() != want {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
	}
	if _, err := h.Open("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("want %v, got %v", fs.ErrNotExist, err)
	}
}

func TestLstat(t *testing.T) {
	h := hosttest.New(t, "-- a 4711 --\n12345\n-- d/ 1777 --\n-- l -> a --\n-- p| --\n")
	for name, want := range map[string]host.Stat{
		"/":        {Kind: host.Directory, Mode: 0o755},
		"/a":       {Kind: host.Regular, Mode: 0o4711, Size: 6},
		"/d/":      {Kind: host.Directory, Mode: 0o1777},
		"/l":       {Kind: host.Symlink, Mode: 0o777, Size: 1},
		"/p":       {Kind: host.Fifo, Mode: 0o644},
		"/none":    {},
		"/none/x":  {Orphan: true},
		"/a/x":     {Orphan: true},
		"/d/../a":  {Kind: host.Regular, Mode: 0o4711, Size: 6},
		"/../../a": {Kind: host.Regular, Mode: 0o4711, Size: 6},
	} {
		got, err := h.Lstat(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got = host.Stat{Kind: got.Kind, Orphan: got.Orphan, Mode: got.Mode, Size: got.Size}
		if want.Kind == host.Directory {
			got.Size = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestMkdirSymlinkSetMeta(t *testing.T) {
	h := hosttest.New(t, "-- old -> x --\n-- f --\n-- g/ 2755 --\n")
	ctx := t.Context()
	for _, err := range []error{
		h.Mkdir(ctx, "/d", host.Meta{}),
		h.Mkdir(ctx, "/d/e", host.Meta{Mode: ptr(0o1777)}),
		h.Mkdir(ctx, "/g/inherits", host.Meta{}),
		h.Symlink(ctx, "/f", "/new"),
		h.Symlink(ctx, "/f", "/old"),
		h.SetMeta(ctx, "/f", host.Meta{Mode: ptr(0o2755)}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := "-- d/ 0755 root:root --\n-- d/e/ 1777 root:root --\n-- f 2755 root:root --\n-- g/ 2755 root:root --\n-- g/inherits/ 2755 root:root --\n" +
		"-- new -> /f root:root --\n-- old -> /f root:root --\n"
	if diff := cmp.Diff(want, h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for want, err := range map[string]error{
		"mkdir: file exists":                       h.Mkdir(ctx, "/d", host.Meta{}),
		"symlink: /d is a directory":               h.Symlink(ctx, "x", "/d"),
		"chmod: /new is a link, which has no mode": h.SetMeta(ctx, "/new", host.Meta{Mode: ptr(0)}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestOwnerKeepsSetuid(t *testing.T) {
	needsRoot(t, "a change of owner")
	h := hosttest.New(t, "-- f 4755 --\n-- l -> f --\n")
	for _, name := range []string{"/f", "/l"} {
		if err := h.SetMeta(t.Context(), name, host.Meta{UID: ptr(1), GID: ptr(2)}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff("-- f 4755 daemon:bin --\n-- l -> f daemon:bin --\n", h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRemove(t *testing.T) {
	deep := strings.Repeat("d/", 300)
	h := hosttest.New(t, "-- keep/x --\n-- t/a/b/c --\n-- t/l -> /keep --\n-- t/p| --\n-- t/"+deep+"x --\n-- f --\n")
	if err := h.Remove(t.Context(), "/t", false); err == nil || err.Error() != "remove: /t: directory not empty" {
		t.Errorf("want a refusal, got %v", err)
	}
	for _, name := range []string{"/t", "/f", "/none"} {
		if err := h.Remove(t.Context(), name, true); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff("-- keep/ 0755 root:root --\n-- keep/x 0644 root:root --\n", h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRemoveSparesTheSystem(t *testing.T) {
	h := hosttest.New(t, "-- etc/x --\n-- self -> / --\n")
	for _, name := range []string{"/", "/etc", "/self/etc", "/etc/..", "//etc/"} {
		if err := h.Remove(t.Context(), name, true); err == nil || !strings.Contains(err.Error(), "never removed") {
			t.Errorf("%s: want a refusal, got %v", name, err)
		}
	}
	if st, _ := h.Lstat("/etc/x"); st.Kind != host.Regular {
		t.Error("/etc/x is gone")
	}
}

func TestReadDirIsSorted(t *testing.T) {
	h := hosttest.New(t, "-- d/b --\n-- d/a --\n-- d/B --\n-- f --\n")
	var got []string
	for n, err := range h.ReadDir("/d") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if diff := cmp.Diff([]string{"B", "a", "b"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, err := range h.ReadDir("/f") {
		if want := "readdir: not a directory"; err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestSweep(t *testing.T) {
	h := hosttest.New(t, "-- d/.apply.aaaa.x --\n-- d/.apply.bbbb.x --\n-- d/.apply.aaaa --\n")
	if err := h.Sweep(t.Context(), "/d", "aaaa"); err != nil {
		t.Fatal(err)
	}
	got, err := filepath.Glob(h.Path("d") + "/.apply.*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{h.Path("d/.apply.aaaa"), h.Path("d/.apply.bbbb.x")}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, token := range []string{"", "*", "../x"} {
		if err := h.Sweep(t.Context(), "/d", token); err == nil && token != "*" {
			t.Errorf("%q: want an error", token)
		}
	}
}
