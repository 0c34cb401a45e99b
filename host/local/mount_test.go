package local_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func mount(t *testing.T, source, point, fs string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, point, fs, flags, data); err != nil {
		t.Fatalf("mount %s: %v", point, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
}

func TestFullDisk(t *testing.T) {
	needsRoot(t, "a file system of its own")
	h := hosttest.New(t, "-- d/ --\n")
	mount(t, "tmpfs", h.Path("d"), "tmpfs", 0, "size=64k,nr_inodes=3")
	if err := h.WriteFile(t.Context(), "/d/a", content("old\n")); err != nil {
		t.Fatal(err)
	}
	big := bytes.NewReader(make([]byte, 1<<20))
	for want, f := range map[string]host.NewFile{
		"write: no space left on device; old content kept": {Content: big},
	} {
		if err := h.WriteFile(t.Context(), "/d/a", f); err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if err := h.WriteFile(t.Context(), "/d/b", content("x")); err != nil {
		t.Fatal(err)
	}
	if err, want := h.WriteFile(t.Context(), "/d/c", content("x")), "create: no space left on device: all inodes of the file system are in use"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	if diff := cmp.Diff("-- d/ 1777 root:root --\n-- d/a 0644 root:root --\nold\n-- d/b 0644 root:root --\nx\n", h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	needsRoot(t, "a mount")
	h := hosttest.New(t, "-- d/a --\nold\n")
	mount(t, h.Path("d"), h.Path("d"), "", unix.MS_BIND, "")
	mount(t, "", h.Path("d"), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	for want, err := range map[string]error{
		"create: read-only file system; old content kept":       h.WriteFile(t.Context(), "/d/a", content("x")),
		"mkdir: read-only file system":                          h.Mkdir(t.Context(), "/d/new", host.Meta{}),
		"chmod: read-only file system":                          h.SetMeta(t.Context(), "/d/a", host.Meta{Mode: ptr(0)}),
		"remove: /d/a: read-only file system; old content kept": h.Remove(t.Context(), "/d/a", false),
		"symlink: read-only file system":                        h.Symlink(t.Context(), "x", "/d/l"),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// What chattr forbids, to root too, is told as that, and nothing is changed: of a folder that cannot be removed nothing is.
func TestImmutable(t *testing.T) {
	h := hosttest.New(t, "-- d/a --\nold\n-- log --\nold\n-- shut/full/b --\nold\n-- shut/c --\nold\n")
	before := h.Snapshot()
	h.Flag("i", "d/a", "shut")
	h.Flag("a", "log")
	ctx := t.Context()
	const no, it, folder = "operation not permitted: ", "it is immutable (chattr +i)", "the folder that it is in is immutable (chattr +i)"
	for want, err := range map[string]error{
		"rename: " + no + it + "; old content kept":                               h.WriteFile(ctx, "/d/a", content("x")),
		"symlink: " + no + it + "; old content kept":                              h.Symlink(ctx, "x", "/d/a"),
		"chmod: " + no + it:                                                       h.SetMeta(ctx, "/d/a", host.Meta{Mode: ptr(0)}),
		"remove: /d/a: " + no + it:                                                h.Remove(ctx, "/d", true),
		"remove: /log: " + no + "it is append-only (chattr +a); old content kept": h.Remove(ctx, "/log", false),
		"create: " + no + folder:                                                  h.WriteFile(ctx, "/shut/new", content("x")),
		"mkdir: " + no + folder:                                                   h.Mkdir(ctx, "/shut/new", host.Meta{}),
		"remove: /shut/full: " + no + folder + "; nothing removed":                h.Remove(ctx, "/shut/full", true),
		"remove: /shut: " + no + it + "; nothing removed":                         h.Remove(ctx, "/shut", true),
		"replace: " + no + it + "; old content kept": h.Supplant(ctx, "/shut", true, func(h host.Host, name string) error {
			return h.WriteFile(ctx, name, content("x"))
		}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestFlags(t *testing.T) {
	h := hosttest.New(t, "-- d/a --\n-- shut/b --\n-- l -> shut --\n")
	h.Flag("i", "d/a", "shut")
	h.Flag("a", "shut/b")
	immutable, appendOnly := host.Flags{Immutable: true}, host.Flags{AppendOnly: true}
	for name, want := range map[string][2]host.Flags{
		"/": {}, "/d": {}, "/l": {}, "/none": {}, "/none/none": {}, "/d/a/none": {},
		"/d/a": {immutable}, "/shut": {immutable}, "/shut/b": {appendOnly, immutable}, "/shut/none": {{}, immutable}, "/l/b": {appendOnly, immutable},
	} {
		own, folder, err := h.Flags(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, [2]host.Flags{own, folder}); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	// A look at a name where nothing is tells those of the folder, however it is looked at.
	held := host.Hold(h, "/shut")
	defer held.Close()
	st, err := h.Lstat("/l/none")
	heldSt, heldErr := held.Lstat("none")
	var not, heldNot *host.NotFileError
	_, openErr := h.Open("/shut/none")
	_, heldOpenErr := held.Open("none")
	if err != nil || heldErr != nil || !errors.As(openErr, &not) || !errors.As(heldOpenErr, &heldNot) {
		t.Fatal(err, heldErr, openErr, heldOpenErr)
	}
	want := host.Stat{Folder: immutable}
	if diff := cmp.Diff([]host.Stat{want, want, want, want}, []host.Stat{st, heldSt, not.Stat, heldNot.Stat}); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMountedFileIsWrittenInPlace(t *testing.T) {
	needsRoot(t, "a bind mount")
	h := hosttest.New(t, "-- a 0600 --\nbelow\n-- b 0640 --\nmounted, and longer\n")
	mount(t, h.Path("b"), h.Path("a"), "", unix.MS_BIND, "")
	for _, text := range []string{"short\n", "much longer than it was before\n"} {
		if err := h.WriteFile(t.Context(), "/a", content(text)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("-- a 0640 root:root --\n"+text+"-- b 0640 root:root --\n"+text, h.Snapshot()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestRemoveDoesNotCrossMounts(t *testing.T) {
	needsRoot(t, "mounts")
	h := hosttest.New(t, "-- t/a/f --\n-- t/m/ --\n-- t/sub/n/ --\n-- other/x --\n")
	mount(t, h.Path("other"), h.Path("t/m"), "", unix.MS_BIND, "")
	before := h.Snapshot()
	for name, want := range map[string]string{
		"/t":   "remove: /t/m is a mount point; nothing removed",
		"/t/m": "remove: /t/m is a mount point; nothing removed",
	} {
		if err := h.Remove(t.Context(), name, true); err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if err := h.Remove(t.Context(), "/t/m", false); err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("want busy, got %v", err)
	}
	if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMounts(t *testing.T) {
	needsRoot(t, "a mount")
	h := hosttest.New(t, "-- \"a b/\" --\n")
	mount(t, "my source", h.Path("a b"), "tmpfs", unix.MS_NOSUID, "size=64k")
	got, err := h.Node.Mounts(t.Context())
	if err != nil || len(got) != 1 {
		t.Fatalf("want one, got %v, %v", got, err)
	}
	m := got[0]
	if m.ID == 0 || m.Parent == 0 || m.Dev == "" || len(m.SuperOptions) == 0 {
		t.Errorf("got %+v", m)
	}
	m.ID, m.Parent, m.Dev, m.SuperOptions = 0, 0, "", nil
	want := host.Mount{Point: "/a b", Root: "/", FSType: "tmpfs", Source: "my source", Options: []string{"rw", "nosuid", "relatime"}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	all, err := thisNode(t).Mounts(t.Context())
	if err != nil || all[0].Point == "" || !strings.HasPrefix(h.Path("/"), os.TempDir()) {
		t.Errorf("%v, %v", all, err)
	}
}
