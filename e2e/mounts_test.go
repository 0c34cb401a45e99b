package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A mount that is notified is remounted, or unmounted and mounted, which a file system in memory does not survive; the mount that has just been made is
// left alone, and so is the point at which nothing is mounted.
func TestMountsAreNotified(t *testing.T) {
	n := typesNode(t)
	manifest := func(credentials, more string) string {
		return `
file "/etc/credentials" {
  content = "` + credentials + `"
  notify  = [mount["/mnt"]]
}

mount "/mnt" {
  device  = "none"
  fstype  = "tmpfs"
  options = "size=1M,noexec"
  ` + more + `
}
`
	}
	for _, tc := range []struct {
		name, before, manifest string
		want                   map[string]string
		left                   string // in the mount
	}{
		{"mounted", "true", manifest("1", `ensure = "mounted"`), map[string]string{`file["/etc/credentials"]`: "changed", `mount["/mnt"]`: "changed"}, ""},
		{"remounted", "touch /mnt/x", manifest("2", `ensure = "mounted"`), map[string]string{`file["/etc/credentials"]`: "changed", `mount["/mnt"]`: "refreshed"}, "x\n"},
		{"nothing notifies", "true", manifest("2", `ensure = "mounted"`), map[string]string{}, "x\n"},
		{"remounts is false", "true", manifest("3", "ensure = \"mounted\"\n  remounts = false"), map[string]string{`file["/etc/credentials"]`: "changed", `mount["/mnt"]`: "refreshed"}, ""},
		{"unmounted", "true", manifest("3", `ensure = "unmounted"`), map[string]string{`mount["/mnt"]`: "changed"}, ""},
		{"not mounted", "true", manifest("4", `ensure = "unmounted"`), map[string]string{`file["/etc/credentials"]`: "changed"}, ""},
		{"an entry, not mounted", "true", manifest("5", ""), map[string]string{`file["/etc/credentials"]`: "changed"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			must(t, n, tc.before)
			if diff := cmp.Diff(tc.want, apply(t, n, tc.manifest)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.left, must(t, n, "ls /mnt")); diff != "" {
				t.Errorf("in the mount (-want +got):\n%s", diff)
			}
		})
	}
}

// Mounts within each other are unmounted from the inside out, where the folder between them stays too, which is made what is declared when nothing covers it.
func TestMountsWithinEachOther(t *testing.T) {
	n := typesNode(t)
	must(t, n, "mkdir -p /srv/a/b && chmod 700 /srv/a/b && mount -t tmpfs none /srv/a && mkdir /srv/a/b && mount -t tmpfs none /srv/a/b")
	manifest := `
mount "/srv/a" {
  ensure = "absent"
}

file "/srv/a/b" {
  ensure = "directory"
  mode   = "0750"
}

mount "/srv/a/b" {
  ensure = "absent"
}
`
	want := map[string]string{`mount["/srv/a"]`: "changed", `mount["/srv/a/b"]`: "changed", `file["/srv/a/b"]`: "changed"}
	if diff := cmp.Diff(want, apply(t, n, manifest)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("750\n", must(t, n, "stat -c %a /srv/a/b")); diff != "" {
		t.Errorf("what is below the mounts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{}, apply(t, n, manifest)); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}
}

// What is mounted has the owner and the mode of the declared mount point after one run, and has its own again after the undo.
func TestMountPointsWithAnOwner(t *testing.T) {
	n := typesNode(t, 16<<20)
	must(t, n, "mkfs.ext4 -q /dev/xvdj && mount /dev/xvdj /mnt && chown games:games /mnt && umount /mnt")
	manifest := `
file "/srv/data" {
  ensure = "directory"
  owner  = "daemon"
  mode   = "2750"
}

mount "/srv/data" {
  device = "/dev/xvdj"
  fstype = "ext4"
  ensure = "mounted"
}

file "/srv/data/inside" {
  content = "on the disk\n"
}
`
	want := map[string]string{`file["/srv/data"]`: "changed", `mount["/srv/data"]`: "changed", `file["/srv/data/inside"]`: "changed"}
	if diff := cmp.Diff(want, apply(t, n, manifest)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("daemon games 2750\n", must(t, n, "stat -c '%U %G %a' /srv/data")); diff != "" {
		t.Errorf("what is mounted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{}, apply(t, n, manifest)); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}
	must(t, n, "apply undo && test ! -e /srv/data && mount /dev/xvdj /mnt")
	if diff := cmp.Diff("games games 755\nlost+found\n", must(t, n, "stat -c '%U %G %a' /mnt && ls /mnt")); diff != "" {
		t.Errorf("undone (-want +got):\n%s", diff)
	}
}
