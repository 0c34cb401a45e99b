package beneath

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The same with and without openat2, which old kernels lack.
func TestReach(t *testing.T) {
	dir := t.TempDir()
	inDir := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.MkdirAll(inDir("a/b"), 0o755), os.WriteFile(inDir("a/b/f"), nil, 0o644),
		os.Symlink("/a", inDir("abs")), os.Symlink("a/../a/./b", inDir("rel")), os.Symlink("../../../../a", inDir("a/up")),
		os.Symlink("loop2", inDir("loop1")), os.Symlink("loop1", inDir("loop2")), os.Symlink("/none", inDir("dangling")),
		os.Symlink("rel/", inDir("chain")), os.Symlink("/etc/passwd", inDir("out")), os.Symlink("a/b/f", inDir("file")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		name string
		dir  string // what Dir leads to
		node string // what Node leads to; "same"
		err  error  // of Dir
	}{
		{"/", "", "", nil},
		{"/a/b", "a/b", "a/b", nil},
		{"/abs", "a", "abs", nil},
		{"/abs/b", "a/b", "a/b", nil},
		{"/rel", "a/b", "rel", nil},
		{"/chain", "a/b", "chain", nil},
		{"/a/up/b", "a/b", "a/b", nil},
		{"//a/./b/../b/", "a/b", "a/b", nil},
		{"/../..", "", "", nil},
		{"/a/b/f", "", "a/b/f", unix.ENOTDIR},
		{"/file", "", "file", unix.ENOTDIR},
		{"/loop1", "", "loop1", unix.ELOOP},
		{"/dangling", "", "dangling", unix.ENOENT},
		{"/out", "", "out", unix.ENOENT},
	} {
		for _, slow := range []bool{false, true} {
			r.noFast.Store(slow)
			check(t, c.name+" as a folder", slow, inDir(c.dir), c.err, func() (int, error) { fd, _, err := r.Parent(c.name + "/below"); return fd, err })
			check(t, c.name+" itself", slow, inDir(c.node), nil, func() (int, error) { return r.Node(c.name) })
		}
	}
	for _, name := range []string{"", "a", "./a", "/a\x00b"} {
		if fd, err := r.Node(name); err == nil {
			t.Errorf("%q: want an error, got %d", name, fd)
		}
	}
}

func check(t *testing.T, what string, slow bool, want string, wantErr error, reach func() (int, error)) {
	t.Helper()
	fd, err := reach()
	if wantErr != nil || err != nil {
		if !errors.Is(err, wantErr) {
			t.Errorf("%s, slow %v: want %v, got %v", what, slow, wantErr, err)
		}
		return
	}
	defer unix.Close(fd)
	got, err := os.Readlink(ProcName(fd))
	if err != nil || got != filepath.Clean(want) {
		t.Errorf("%s, slow %v: want %s, got %s, %v", what, slow, want, got, err)
	}
}

func TestWalkLeaksNoDescriptors(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../a", dir+"/a/b/l"); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.noFast.Store(true)
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	before := open()
	for _, name := range []string{"/a/b/l/b/c", "/a/none/x", "/a/b/l/none", "/../a"} {
		if fd, _, err := r.Parent(name + "/below"); err == nil {
			_ = unix.Close(fd)
		}
	}
	if after := open(); after != before {
		t.Errorf("want %d open, got %d", before, after)
	}
}

func TestOthersWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: folders of other users")
	}
	dir := t.TempDir()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const acl = "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x07\x00\x01\x00\x00\x00" +
		"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x05\x00\xff\xff\xff\xff"
	for name, c := range map[string]struct {
		mode     os.FileMode
		uid, gid int
		acl      string
		want     bool
	}{
		"roots":            {0o755, 0, 0, "", false},
		"roots group":      {0o775, 0, 0, "", false},
		"a group":          {0o775, 0, 50, "", true},
		"a group reads":    {0o755, 0, 50, "", false},
		"everybody":        {0o777, 0, 0, "", true},
		"sticky":           {0o777 | os.ModeSticky, 0, 0, "", true},
		"somebodys":        {0o700, 1000, 0, "", true},
		"an access list":   {0o775, 0, 0, acl, true},
		"read-only by all": {0o555, 1000, 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			at := t.TempDir()
			for _, err := range []error{os.Chown(at, c.uid, c.gid), os.Chmod(at, c.mode)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if c.acl != "" {
				if err := unix.Setxattr(at, "system.posix_acl_access", []byte(c.acl), 0); err != nil {
					t.Skipf("left out: the file system of the temporary directory has no access lists: %v", err)
				}
			}
			fd, err := unix.Open(at, unix.O_PATH, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if owner, got := r.othersWrite(fd); got != c.want || owner != uint32(c.uid) {
				t.Errorf("want %v of %d, got %v of %d", c.want, c.uid, got, owner)
			}
		})
	}
}
