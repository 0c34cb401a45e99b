package file_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func group(g resources.Scalar) func(*file.File) { return func(f *file.File) { f.Group = g } }
func user(u resources.Scalar) func(*file.File)  { return func(f *file.File) { f.Owner = u } }

// What is made without a mode has that of its kind, whatever umask the process has.
func TestUmask(t *testing.T) {
	for _, mask := range []int{0, 0o077} {
		h := hosttest.New(t, "-- dir/ --\n")
		files := []*file.File{made("/dir/x", content("x\n")), made("/dir/y", ensure("present")), made("/dir/z", ensure("directory")), made("/dir/m", content(""), mode("0666"))}
		old := unix.Umask(mask)
		for _, f := range files {
			resourcetest.Converges(t, h, f)
		}
		unix.Umask(old)
		want := "-- dir/ 0755 root:root --\n-- dir/m 0666 root:root --\n-- dir/x 0644 root:root --\nx\n-- dir/y 0644 root:root --\n-- dir/z/ 0755 root:root --\n"
		if diff := cmp.Diff(want, h.Snapshot()); diff != "" {
			t.Errorf("umask %03o (-want +got):\n%s", mask, diff)
		}
	}
}

// An owner is looked up when the file is visited: an earlier resource may have made the account, or given it another id.
func TestOwnerIsLookedUpWhenVisited(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	h := hosttest.New(t, "-- etc/passwd --\nroot:x:0:0:::\n-- etc/group --\nroot:x:0:\n-- dir/x --\n")
	f := made("/dir/x", user("bob"), group("devs"))
	if err := resourcetest.Refuses(t, h, f); !strings.Contains(err.Error(), "owner: ") {
		t.Errorf("the error is %q", err)
	}
	for _, id := range []string{"2001", "2002"} {
		if err := os.WriteFile(h.Path("/etc/passwd"), []byte("root:x:0:0:::\nbob:x:"+id+":0:::\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.Path("/etc/group"), []byte("root:x:0:\ndevs:x:"+id+":\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		resourcetest.Converges(t, h, f)
		st, err := h.Lstat("/dir/x")
		if err != nil {
			t.Fatal(err)
		}
		if st.UID != st.GID || st.UID != map[string]uint32{"2001": 2001, "2002": 2002}[id] {
			t.Errorf("want %s, got %d:%d", id, st.UID, st.GID)
		}
	}
}

// Capabilities, setuid and setgid are taken away by the kernel when a file gets another owner or content: what is not managed stays.
func TestPrivilegesSurvive(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	capability := []byte("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for name, f := range map[string]*file.File{
		"owner":             made("/dir/x", owner("nobody")),
		"group":             made("/dir/x", group("daemon")),
		"content":           made("/dir/x", content("new\n")),
		"content and owner": made("/dir/x", content("new\n"), owner("nobody")),
		"backup":            made("/dir/x", content("new\n"), user("daemon"), func(f *file.File) { f.Backup = ".bak" }),
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/x 6755 --\nold\n")
			if err := unix.Setxattr(h.Path("/dir/x"), "security.capability", capability, 0); err != nil {
				t.Skipf("capabilities are not tested: %v", err)
			}
			resourcetest.Converges(t, h, f)
			for _, at := range []string{"/dir/x", "/dir/x.bak"} {
				st, err := h.Lstat(at)
				if err != nil {
					t.Fatal(err)
				}
				if st.Kind == host.Absent {
					continue
				}
				if st.Mode != 0o6755 {
					t.Errorf("%s: the mode is %04o", at, st.Mode)
				}
				xattrs, err := h.Xattrs(at)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(map[string][]byte{"security.capability": capability}, xattrs); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", at, diff)
				}
			}
		})
	}
}

// The copy of a file that is replaced is as open as that very file was, whatever its user puts in its place meanwhile.
func TestBackupOfWhatIsExchanged(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	h := &hosttest.Exchanging{Host: hosttest.New(t, "-- bob/ 0755 nobody:nobody --\n-- bob/his 0644 nobody:nobody --\nhis\n-- bob/root 0600 --\nsecret\n"), One: "/bob/his", Two: "/bob/root"}
	f := made("/bob/his", content("new\n"), func(f *file.File) { f.Backup = ".bak" })
	if err := f.Apply(t.Context(), h, resources.Diff{Changes: []resources.Change{{Attr: "content"}}}); err != nil {
		t.Fatal(err)
	}
	st, err := h.Lstat("/bob/his.bak")
	if err != nil {
		t.Fatal(err)
	}
	if st.UID != 0 || st.Mode != 0o600 || h.Content("/bob/his.bak") != "secret\n" {
		t.Errorf("the copy of %q has mode %04o and owner %d", h.Content("/bob/his.bak"), st.Mode, st.UID)
	}
}

// The system's own folders are never removed nor replaced.
func TestSystemFolders(t *testing.T) {
	for _, name := range []string{
		"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys",
		"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/log", "/var/spool",
	} {
		h := hosttest.New(t, "-- "+strings.TrimPrefix(name, "/")+"/keep --\n")
		for what, f := range map[string]*file.File{"absent": made(name, ensure("absent"), force), "file": made(name+"/", content(""), force), "link": made(name, target("x"), force)} {
			if err := resourcetest.Refuses(t, h, f); !strings.Contains(err.Error(), "never removed") {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
}

// What an undo could not bring back is called irreversible, wherever in a folder it is.
func TestRemovalOfWhatIsNotKept(t *testing.T) {
	for name, tc := range map[string]struct {
		tree string
		want bool
	}{
		"files":  {"-- x/sub/f --\n", false},
		"a pipe": {"-- x/sub/pipe| 0600 --\n", true},
	} {
		for what, f := range map[string]*file.File{"absent": made("/x", ensure("absent"), force), "file": made("/x", content(""), force), "purged": made("/", purge, force)} {
			d, err := f.Check(t.Context(), hosttest.New(t, tc.tree))
			if err != nil || len(d.Changes) == 0 || d.Changes[0].Irreversible != tc.want {
				t.Errorf("%s %s: %+v, %v", name, what, d.Changes, err)
			}
		}
	}
}

// A device is neither written to nor replaced unless that is asked for.
func TestDevices(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	for name, f := range map[string]*file.File{"file": made("/dir/x", content("z")), "folder": made("/dir/x", ensure("directory")), "absent": made("/dir/x", ensure("absent"))} {
		h := hosttest.New(t, "-- dir/ --\n")
		if err := unix.Mknod(h.Path("/dir/x"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
			t.Skipf("devices are not tested: %v", err)
		}
		before, err := h.Lstat("/dir/x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Check(t.Context(), h); err == nil || !strings.Contains(err.Error(), "force") {
			t.Errorf("%s: want an error with force, got %v", name, err)
		}
		if after, err := h.Lstat("/dir/x"); err != nil || after != before {
			t.Errorf("%s: it was touched: %+v, %v", name, after, err)
		}
		f.Force = true
		d, err := f.Check(t.Context(), h)
		if err == nil {
			err = f.Apply(t.Context(), h, d)
		}
		if err != nil {
			t.Errorf("%s with force: %v", name, err)
		}
		if after, err := h.Lstat("/dir/x"); err != nil || after.Kind == host.CharDevice {
			t.Errorf("%s with force: %+v, %v", name, after, err)
		}
	}
}

// sampled measures the memory in use when that many names have been looked at.
type sampled struct {
	host.Host
	seen          *int
	early, late   *uint64
	first, second int
}

func (s sampled) Lstat(name string) (host.Stat, error) {
	switch *s.seen++; *s.seen {
	case s.first:
		*s.early = inUse()
	case s.second:
		*s.late = inUse()
	}
	return s.Host.Lstat(name)
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A tree is walked as a stream: memory does not grow with the number of names in it.
func TestTreeIsAStream(t *testing.T) {
	const folders, files = 100, 50
	h := hosttest.New(t, "-- dir/ --\n")
	for i := range folders {
		folder := h.Path("/dir/x/" + strings.Repeat("f", 100) + string(rune('a'+i/26)) + string(rune('a'+i%26)))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(folder+"/"+strings.Repeat("n", 100)+string(rune('a'+j/26))+string(rune('a'+j%26)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, f := range map[string]*file.File{
		"mode": made("/dir/x", recurse, mode("0600")),
		"copy": made("/dir/y", recurse, source("/dir/x")),
	} {
		t.Run(name, func(t *testing.T) {
			var seen int
			var early, late uint64
			s := sampled{h, &seen, &early, &late, folders * files / 10, folders * files}
			if _, err := f.Check(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if late == 0 || late > early+folders*files*20 {
				t.Errorf("%d bytes in use at first, %d later, of %d names", early, late, seen)
			}
		})
	}
}
