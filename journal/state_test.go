package journal

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Where there is no /var/lib yet, the run that makes it does not keep others out of it.
func TestFoldersAboveAreForEverybody(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	top := t.TempDir()
	if err := os.Chmod(top, 0o711); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(filepath.Join(top, "var", "lib", "apply")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o711, "var": 0o755, "var/lib": 0o755, "var/lib/apply": 0o700} {
		info, err := os.Stat(filepath.Join(top, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}
