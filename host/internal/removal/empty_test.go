package removal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// emptied makes the tree, in a folder "t" beside a file "kept", and empties it.
func emptied(t *testing.T, ctx context.Context, plant func(in string) error) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	in := filepath.Join(dir, "t")
	if err := errors.Join(os.Mkdir(in, 0o755), os.WriteFile(filepath.Join(dir, "kept"), nil, 0o600), plant(in)); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	moved := 0
	return dir, empty(ctx, fd, "t", "/srv/t", func() string { moved++; return fmt.Sprint("moved", moved) })
}

func TestEmpty(t *testing.T) {
	for name, plant := range map[string]func(in string) error{
		"nothing": func(string) error { return nil },
		"many entries": func(in string) error {
			for i := range 3000 {
				if err := os.WriteFile(filepath.Join(in, fmt.Sprint(i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		"deeper than a path is long": func(in string) error {
			at, err := unix.Open(in, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			for range 1500 {
				if err != nil {
					return err
				}
				above := at
				if err = unix.Mkdirat(above, "deep", 0o700); err == nil {
					at, err = unix.Openat(above, "deep", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
				}
				_ = unix.Close(above)
			}
			return errors.Join(err, unix.Close(at))
		},
		"odd names": func(in string) error {
			for _, n := range []string{"a\nb", "\xff\xfe", " ", "-rf", "*"} {
				if err := os.Mkdir(filepath.Join(in, n), 0o000); err != nil {
					return err
				}
			}
			return nil
		},
		"links out of it": func(in string) error {
			return errors.Join(os.Symlink("../kept", filepath.Join(in, "file")), os.Symlink("..", filepath.Join(in, "folder")), os.Symlink("nowhere", filepath.Join(in, "x")))
		},
		"a hard link to what is outside": func(in string) error { return os.Link(filepath.Join(in, "../kept"), filepath.Join(in, "x")) },
		"a pipe":                         func(in string) error { return unix.Mkfifo(filepath.Join(in, "pipe"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := emptied(t, t.Context(), plant)
			if err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(filepath.Join(dir, "t")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			if _, err := os.Lstat(filepath.Join(dir, "kept")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEmptyEnds(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	dir, err := emptied(t, ctx, func(in string) error { return os.WriteFile(filepath.Join(in, "x"), nil, 0o600) })
	if !errors.Is(err, stop) || !strings.HasPrefix(err.Error(), "/srv/t: ") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "t/x")); err != nil {
		t.Error(err)
	}
}

func TestEmptyCrossesNoMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: a mount inside the folder")
	}
	dir, err := emptied(t, t.Context(), func(in string) error {
		point := filepath.Join(in, "sub/mnt")
		if err := os.MkdirAll(point, 0o755); err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
		return errors.Join(unix.Mount("tmpfs", point, "tmpfs", 0, ""), os.WriteFile(filepath.Join(point, "x"), nil, 0o600))
	})
	if err == nil || err.Error() != "/srv/t/sub/mnt: is a mount point" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "t/sub/mnt/x")); err != nil {
		t.Error(err)
	}
}
