package flags

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// How a file is mounted stops root as well.
func TestChangeableAsMounted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: needs root for mounts")
	}
	h := hosttest.New(t, "-- ro/a --\n-- ro/free --\n-- d/a --\n-- d/sub/x --\n-- other --\n")
	mount := func(source, point string, flags uintptr) {
		if err := unix.Mount(h.Path(source), h.Path(point), "", flags, ""); err != nil {
			t.Fatalf("mount %s: %v", point, err)
		}
	}
	for _, at := range [][2]string{{"ro", "ro"}, {"other", "d/a"}, {"d/sub", "d/sub"}, {"other", "ro/free"}} {
		mount(at[0], at[1], unix.MS_BIND)
		t.Cleanup(func() { _ = unix.Unmount(h.Path(at[1]), unix.MNT_DETACH) })
	}
	for _, point := range []string{"ro", "d/sub"} {
		mount("", point, unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY)
	}
	const readOnly, busy = ": read-only file system", "/d/a: device or resource busy: it is a mount point"
	for name, tc := range map[string]struct {
		op   host.Op
		want string
	}{
		"content":                 {host.Op{Kind: host.OpWrite, Name: "/ro/a"}, "/ro/a" + readOnly + "; old content kept"},
		"mode":                    {host.Op{Kind: host.OpMeta, Name: "/ro/a"}, "/ro/a" + readOnly},
		"removal":                 {host.Op{Kind: host.OpRemove, Name: "/ro/a"}, "/ro/a" + readOnly + "; nothing removed"},
		"a new file":              {host.Op{Kind: host.OpWrite, Name: "/ro/new", Absent: true}, "/ro" + readOnly},
		"a new folder":            {host.Op{Kind: host.OpMkdir, Name: "/ro/new", Absent: true}, "/ro" + readOnly},
		"a free file in one":      {host.Op{Kind: host.OpWrite, Name: "/ro/free"}, "/ro" + readOnly + "; old content kept"},
		"its mode":                {host.Op{Kind: host.OpMeta, Name: "/ro/free"}, ""},
		"a folder with one":       {host.Op{Kind: host.OpRemove, Name: "/d", All: true}, "/d/sub" + readOnly + "; nothing removed"},
		"a mount point":           {host.Op{Kind: host.OpWrite, Name: "/d/a"}, ""},
		"its removal":             {host.Op{Kind: host.OpRemove, Name: "/d/a"}, busy + "; nothing removed"},
		"a link in its place":     {host.Op{Kind: host.OpSymlink, Name: "/d/a"}, busy + "; old content kept"},
		"beside it":               {host.Op{Kind: host.OpWrite, Name: "/d/new", Absent: true}, ""},
		"in the root of a mount":  {host.Op{Kind: host.OpSymlink, Name: "/ro/new", Absent: true}, "/ro" + readOnly},
		"mode of a mounted point": {host.Op{Kind: host.OpMeta, Name: "/d/a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			is, err := h.Lstat(tc.op.Name)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err = Changeable(h, is, tc.op); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if err != nil && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EBUSY) {
				t.Errorf("%v is not what the system says", err)
			}
		})
	}
}
