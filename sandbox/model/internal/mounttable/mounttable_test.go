package mounttable_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/sandbox/model/internal/mounttable"
)

// do runs a command and returns its exit code and what it complains of, "" for success.
func do(t *testing.T, table *mounttable.Table, v host.FileReader, args ...string) string {
	t.Helper()
	_, out, err := table.Run(v, args)
	if err != nil {
		t.Fatal(err)
	}
	if out.ExitCode == 0 {
		return string(out.Stderr)
	}
	return fmt.Sprintf("%d %s", out.ExitCode, strings.TrimSpace(string(out.Stderr)))
}

// The words and exit codes are those of util-linux 2.38.
func TestRun(t *testing.T) {
	const tree = `-- data/sub/ --
-- other/ --
-- link -> data --
-- up -> / --
-- image --
x
-- etc/fstab --
# comment
short line
none swap swap
/dev/b /data ext4 noauto,noexec,commit=5 0 0
/image /up/other ext4 loop 0 0
/gone /link/sub none bind,nofail
`
	root := host.Mount{ID: 5, Point: "/", Root: "/", Source: "/dev/a", FSType: "ext4", Options: []string{"rw", "nosuid"}, SuperOptions: []string{"rw"}}
	for name, steps := range map[string][][2]string{ // a command, and what comes of it: its complaint, or the mounts but for that of the root
		"by fstab": {
			{"mount -- /data", "/data /dev/b ext4 commit=5,noexec,relatime,rw"},
			{"mount /data", "32 mount: /data: /dev/b already mounted on /data."},
			{"mount /other", "/data /dev/b ext4 commit=5,noexec,relatime,rw; /other /image ext4 relatime,rw"},
			{"umount /other", "/data /dev/b ext4 commit=5,noexec,relatime,rw"},
			{"umount -- /data/", ""},
			{"umount /data", "32 umount: /data: not mounted."},
			{"umount /none", "32 umount: /none: no mount point specified."},
			{"mount /none", "1 mount: /none: can't find in /etc/fstab."},
			{"mount /data/sub", ""}, // of what may be missing
			{"/bin/mount /link", "/data /dev/b ext4 commit=5,noexec,relatime,rw"},
			{"/usr/bin/umount /up/data", ""},
		},
		"by hand": {
			{"mount -t tmpfs tmpfs /none", "32 mount: /none: mount point does not exist."},
			{"mount -t tmpfs tmpfs /image", "32 mount: /image: mount point is not a directory."},
			{"mount -t ext4 /gone /data", "32 mount: /data: special device /gone does not exist."},
			{"mount -t tmpfs -o ro,nodev,size=1M,x-a,user,exec tmpfs /data", "/data tmpfs tmpfs nodev,nosuid,relatime,ro,size=1M"},
			{"mount -t tmpfs -o strictatime,sync,sync tmpfs /data", "/data tmpfs tmpfs nodev,nosuid,relatime,ro,size=1M, tmpfs tmpfs rw,sync"},
			{"mount -- /dev/z /data/sub", "/data tmpfs tmpfs nodev,nosuid,relatime,ro,size=1M, tmpfs tmpfs rw,sync; /data/sub /dev/z auto relatime,rw"},
			{"umount /data", "32 umount: /data: target is busy."},
			{"umount /", "32 umount: /: target is busy."},
			{"mount -l", "1 mount: -l is not modelled"},
			{"mount a b c", "1 mount: bad usage"},
			{"umount", "1 umount: bad usage"},
			{"umount -l /data", "1 umount: -l is not modelled"},
			{"mount --make-rslave -- /data", "/data tmpfs tmpfs nodev,nosuid,relatime,ro,size=1M, tmpfs tmpfs rw,sync; /data/sub /dev/z auto relatime,rw"},
			{"umount -R -- /data", "/data tmpfs tmpfs nodev,nosuid,relatime,ro,size=1M"},
		},
		"remounted": {
			{"mount -o remount,ro /other", "32 mount: /other: mount point not mounted or bad option."},
			{"mount -o nosuid,noatime,lazytime /dev/z /other", "/other /dev/z auto lazytime,noatime,nosuid,rw"},
			{"mount /data", "/data /dev/b ext4 commit=5,noexec,relatime,rw; /other /dev/z auto lazytime,noatime,nosuid,rw"},
			{"mount -o remount,nolazytime,suid,dev,async,commit=1 -- /other", "/data /dev/b ext4 commit=5,noexec,relatime,rw; /other /dev/z auto commit=1,noatime,rw"},
			{"mount -o remount,rw,noatime,exec,commit=9 /data", "/data /dev/b ext4 commit=9,noatime,rw; /other /dev/z auto commit=1,noatime,rw"},
		},
		"bound": {
			{"mount --bind -- /gone /data", "32 mount: /data: special device /gone does not exist."},
			{"mount -o bind /link/sub /other", "/other /dev/a ext4 nosuid,rw of /data/sub"},
			{"mount -B /other /my", "32 mount: /my: mount point does not exist."},
			{"mount -o remount,bind,ro /other", "/other /dev/a ext4 ro,rw of /data/sub"},
			{"mount --bind /other /data", "/data /dev/a ext4 ro,rw of /data/sub; /other /dev/a ext4 ro,rw of /data/sub"},
			{"mount --bind /image /data", "32 mount: /data: mount(2) system call failed: Not a directory."},
			{"mount --bind /data /image", "32 mount: /image: mount point is not a directory."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, table := hosttest.New(t, tree), mounttable.Of([]host.Mount{root})
			for _, s := range steps {
				got := do(t, &table, h, strings.Fields(s[0])...)
				if got == "" {
					var all []string
					for _, point := range []string{"/data", "/data/sub", "/other"} {
						if is, ok := table.State()[point]; ok {
							all = append(all, point+" "+is)
						}
					}
					got = strings.Join(all, "; ")
				}
				if diff := cmp.Diff(s[1], got); diff != "" {
					t.Fatalf("%s: -want +got\n%s", s[0], diff)
				}
			}
		})
	}
}

// A name with blanks is escaped in fstab; the first mount of a table has no parent, the next lies on it.
func TestTable(t *testing.T) {
	h := hosttest.New(t, "-- etc/fstab --\n/dev/c /my\\040disk ext4\n-- sub/ --\n")
	if err := os.Mkdir(h.Path("my disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	var table mounttable.Table
	for _, args := range [][]string{{"mount", "--", "/my disk"}, {"mount", "-t", "tmpfs", "none", "/my disk"}, {"mount", "--bind", "/sub", "/sub"}} {
		if said := do(t, &table, h, args...); said != "" {
			t.Error(said)
		}
	}
	options, super := []string{"rw", "relatime"}, []string{"rw"}
	want := mounttable.Table{
		{Mount: host.Mount{ID: 1, Point: "/my disk", Root: "/", FSType: "ext4", Source: "/dev/c", Options: options, SuperOptions: super}},
		{Mount: host.Mount{ID: 2, Parent: 1, Point: "/my disk", Root: "/", FSType: "tmpfs", Source: "none", Options: options, SuperOptions: super}},
		{Mount: host.Mount{ID: 3, Point: "/sub", Root: "/sub", FSType: "auto", Source: "/sub", Options: options, SuperOptions: super}, From: "/sub"},
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Error(diff)
	}
	for point, want := range map[string]string{"/my disk": "", "/sub": "/sub", "/": ""} {
		if got := table.Bound(point); got != want {
			t.Errorf("%s: want %q, got %q", point, want, got)
		}
	}
}
