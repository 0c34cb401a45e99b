package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

// TestDraft: a draft that can be given a name is the new file, from any other it is copied; what it replaces is kept for all but the content.
func TestDraft(t *testing.T) {
	for _, tt := range []struct {
		name    string
		draft   func(t *testing.T, dir string) *os.File
		mounted bool // another file is seen at the name
		same    bool // the draft itself is the file
	}{
		{"without a name", unnamed, false, true},
		{"without a name, for a file that is mounted", unnamed, true, false},
		{"in another file system", func(t *testing.T, _ string) *os.File { return unnamed(t, "/dev/shm") }, false, false},
		{"that has lost its name", func(t *testing.T, dir string) *os.File {
			f, err := os.CreateTemp(dir, "")
			must(t, err)
			must(t, os.Remove(f.Name()))
			return f
		}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if dev(t, dir) == dev(t, "/dev/shm") && strings.HasPrefix(tt.name, "in another") {
				t.Skip("there is no other file system: a draft of another one is not tried")
			}
			h, err := local.New(local.Options{Root: dir})
			must(t, err)
			defer h.Close()
			must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("a longer old one"), 0o604))
			if tt.mounted {
				needsRoot(t, "a bind mount")
				other := filepath.Join(t.TempDir(), "b")
				must(t, os.WriteFile(other, []byte("another old one"), 0o604))
				mount(t, other, filepath.Join(dir, "a"), "", unix.MS_BIND, "")
			}
			f := tt.draft(t, dir)
			defer f.Close()
			_, err = f.WriteAt([]byte("content"), 0)
			must(t, err)
			must(t, h.WriteFile(t.Context(), "/a", host.NewFile{Content: host.NewDraft(f, 7)}))
			if got := read(t, h, "/a"); got != "content" {
				t.Errorf("it has %q", got)
			}
			mine, err := f.Stat()
			must(t, err)
			there, err := os.Stat(filepath.Join(dir, "a"))
			must(t, err)
			if os.SameFile(mine, there) != tt.same || there.Mode() != 0o604 {
				t.Errorf("the draft is the file: want %v, got %v; mode %v", tt.same, !tt.same, there.Mode())
			}
			if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
				t.Errorf("want one file, got %v %v", names, err)
			}
		})
	}
}

func unnamed(t *testing.T, dir string) *os.File {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Skipf("%s: no files without a name: %v", dir, err)
	}
	return os.NewFile(uintptr(fd), dir)
}

func dev(t *testing.T, name string) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(name, &st))
	return st.Dev
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
