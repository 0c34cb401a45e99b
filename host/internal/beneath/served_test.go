package beneath

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// liar is the root of a file system that says of its folder and the link in it that they are root's.
type liar struct {
	fs.Inode
	target string
}

func (l *liar) OnAdd(ctx context.Context) {
	link := l.NewPersistentInode(ctx, &fs.MemSymlink{Data: []byte(l.target)}, fs.StableAttr{Mode: syscall.S_IFLNK})
	l.AddChild("link", link, true)
}

func (l *liar) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = 0o755
	return 0
}

// A link in a file system that a user's process serves is that user's, whatever it says; in one of root's process (as GlusterFS) it is followed.
func TestServedByAUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: file systems that others serve")
	}
	for name, c := range map[string]struct {
		option string
		owner  uint32
		want   bool
	}{
		"a user's": {"user_id=65534", 65534, true},
		"root's":   {"user_id=0", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, of := range []string{"mnt", "behind"} {
				if err := os.Mkdir(filepath.Join(dir, of), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			server, err := fs.Mount(filepath.Join(dir, "mnt"), &liar{target: "../behind"}, &fs.Options{
				MountOptions: fuse.MountOptions{AllowOther: true, DirectMountStrict: true, FsName: "liar", Options: []string{c.option}},
			})
			if err != nil {
				t.Skipf("left out: this machine mounts nothing by FUSE: %v", err)
			}
			t.Cleanup(func() {
				if err := server.Unmount(); err != nil {
					t.Error(err)
				}
			})
			r, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			fd, _, err := r.Parent("/mnt/link/x")
			if err == nil {
				_ = unix.Close(fd)
			}
			var refused *Refused
			if got := errors.As(err, &refused); got != c.want || !got && err != nil {
				t.Fatalf("want refused %v, got %v", c.want, err)
			}
			if refused != nil && refused.Owner != c.owner {
				t.Errorf("want owner %d, got %d", c.owner, refused.Owner)
			}
		})
	}
}
