package model_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/mount"
	"github.com/nodeapply/apply/resources/resourcetest"
	"github.com/nodeapply/apply/sandbox/model"
)

// run runs a command and returns its exit code and what it complains of, "" for success.
func run(t *testing.T, n *model.Node, line string) string {
	t.Helper()
	out, err := n.Run(t.Context(), host.Cmd{Args: strings.Fields(line)})
	if err != nil {
		t.Fatal(err)
	}
	if out.ExitCode == 0 {
		return string(out.Stderr)
	}
	return string(rune('0'+out.ExitCode/10)) + string(rune('0'+out.ExitCode%10)) + " " + strings.TrimSpace(string(out.Stderr))
}

// The words and exit codes are those of util-linux 2.38.
func TestMounts(t *testing.T) {
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
			{"mount /none", "01 mount: /none: can't find in /etc/fstab."},
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
			{"mount -l", "01 mount: -l is not modelled"},
			{"mount a b c", "01 mount: bad usage"},
			{"umount", "01 mount: bad usage"},
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
			n := begin(t, hosttest.New(t, tree), model.Seed{Mounts: []host.Mount{root}})
			for _, s := range steps {
				got := run(t, n, s[0])
				if got == "" {
					var all []string
					for _, point := range []string{"/data", "/data/sub", "/other"} {
						if is, ok := n.State()["mount "+point]; ok {
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

// A name with blanks is escaped in fstab; other commands are the host's.
func TestRun(t *testing.T) {
	h := hosttest.New(t, "-- etc/fstab --\n/dev/c /my\\040disk ext4\n")
	h.Answer("true", 3, "")
	if err := os.Mkdir(h.Path("my disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	n := begin(t, h, model.Seed{})
	if out, err := n.Run(t.Context(), host.Cmd{Args: []string{"mount", "--", "/my disk"}}); err != nil || out.ExitCode != 0 {
		t.Errorf("%v: %s", err, out.Stderr)
	}
	if diff := cmp.Diff([]string{"mount /my disk"}, n.Used()); diff != "" {
		t.Error(diff)
	}
	if out, err := n.Run(t.Context(), host.Cmd{Args: []string{"true"}}); err != nil || out.ExitCode != 3 {
		t.Errorf("%v: %+v", err, out)
	}
	all, err := n.Mounts(t.Context())
	want := []host.Mount{{ID: 1, Point: "/my disk", Root: "/", FSType: "ext4", Source: "/dev/c", Options: []string{"rw", "relatime"}, SuperOptions: []string{"rw"}}}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// The type mount converges where folders are bound: it tells them by their identity.
func TestBoundFolder(t *testing.T) {
	for _, live := range []string{"/other", "/src", ""} {
		h := hosttest.New(t, "-- etc/fstab --\n-- data/ --\n-- src/ --\n-- other/ --\n")
		h.Mount(host.Mount{ID: 1, Point: "/", Root: "/", Source: "/dev/a", FSType: "ext4", Options: []string{"rw"}, SuperOptions: []string{"rw"}})
		if live != "" {
			if out, err := h.Run(t.Context(), host.Cmd{Args: []string{"mount", "--bind", live, "/data"}}); err != nil || out.ExitCode != 0 {
				t.Fatal(err, out)
			}
		}
		m := mount.Type().New("/data").(*mount.Mount)
		m.Device, m.FSType, m.Options, m.Ensure = "/src", "none", "bind,ro", "mounted"
		resourcetest.Converges(t, h, m)
		all, err := h.Mounts(t.Context())
		if err != nil || len(all) != 2 || all[1].Root != "/src" || all[1].Options[0] != "ro" {
			t.Errorf("%+v, %v", all, err)
		}
		m = mount.Type().New("/data").(*mount.Mount)
		m.Ensure = "absent"
		resourcetest.Converges(t, h, m)
	}
}
