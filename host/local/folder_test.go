package local_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// TestHeldFolder looks at a folder that goes to another name meanwhile: what was reached is what is looked at.
func TestHeldFolder(t *testing.T) {
	h := hosttest.New(t, "-- d/a 0640 --\nA\n-- d/l -> a --\n-- d/sub/ --\n")
	f := host.Hold(h, "/d")
	defer f.Close()
	if err := os.Rename(h.Path("/d"), h.Path("/e")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.Path("/d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for base, want := range map[string]host.Kind{"a": host.Regular, "l": host.Symlink, "sub": host.Directory, "none": host.Absent} {
		st, err := f.Lstat(base)
		if err != nil || st.Kind != want {
			t.Errorf("%s: want a %v, got %v, %v", base, want, st.Kind, err)
		}
		file, err := f.Open(base)
		var other *host.NotFileError
		switch {
		case want == host.Regular && err == nil:
			if st := file.Stat(); st.Mode != 0o640 {
				t.Errorf("%s: got mode %o", base, st.Mode)
			}
			_ = file.Close()
		case !errors.As(err, &other) || other.Stat.Kind != want || want == host.Absent != errors.Is(err, fs.ErrNotExist):
			t.Errorf("%s: want it told that it is no file, got %v", base, err)
		}
	}
}

// TestFolderThatCannotBeHeld is looked at name by name: so is one that is not there, and one behind a link that somebody else may have planted.
func TestFolderThatCannotBeHeld(t *testing.T) {
	needsRoot(t, "the link of another user")
	h := hosttest.New(t, "-- bob/ 0755 nobody:nobody --\n-- bob/l -> /etc nobody:nobody --\n-- etc/shadow 0600 --\n-- d/a --\n")
	for name, want := range map[string]string{"/none": "absent", "/d/a": "absent", "/bob/l": "refused", "/d": "absent"} {
		f := host.Hold(h, name)
		st, err := f.Lstat("shadow")
		got := st.Kind.String()
		if err != nil {
			got = "refused"
		}
		if got != want || want == "absent" && st.Orphan != (name != "/d") {
			t.Errorf("%s: want %s, got %+v, %v", name, want, st, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
