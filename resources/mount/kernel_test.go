package mount

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/resources"
)

// inside says to a process of this test that it is in a mount namespace of its own.
const inside = "APPLY_TEST_MOUNTS"

// TestKernel runs the mounts of this package for real: loop devices, mount(8), the kernel's mountinfo and an /etc/fstab, all in a mount
// namespace of its own, so that nothing of it is seen outside.
func TestKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("real mounts are not tested: only root can mount")
	}
	if os.Getenv(inside) == "" {
		const needs = "unshare --mount true && losetup -f && for p in mkfs.ext4 findfs findmnt; do command -v $p; done"
		if out, err := exec.Command("/bin/sh", "-ec", needs).CombinedOutput(); err != nil && os.Getenv("APPLY_LAB") != "require" {
			t.Skipf("real mounts are not tested: this machine has not what %q asks for: %s", needs, out)
		}
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", os.Args[0], "-test.run=^TestKernel$", "-test.v", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), inside+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	n := newNode(t)
	a, b := n.disk(), n.disk()
	t.Run("device", func(t *testing.T) { n.devices(t, a, b) })
	t.Run("options", func(t *testing.T) { n.options(t, a) })
	t.Run("failures", func(t *testing.T) { n.failures(t, a, b) })
	t.Run("stacked", func(t *testing.T) { n.stacked(t, a, b) })
	t.Run("stacked over what is in use", func(t *testing.T) { n.stackedOverUse(t, a) })
	t.Run("undone", func(t *testing.T) { n.undone(t, a) })
	t.Run("bound", func(t *testing.T) { n.bound(t, a) })
	t.Run("bound with what is inside", n.deep)
	t.Run("bound where mounts are handed on", n.handedOn)
	t.Run("refreshed", func(t *testing.T) { n.refreshed(t, a) })
	t.Run("not by a device", n.others)
}

// node is this machine as its mount namespace shows it: /etc and /mnt are its own.
type node struct {
	*local.Node
	t *testing.T
}

func newNode(t *testing.T) *node {
	etc := t.TempDir()
	sh(t, "cp -a /etc/. "+etc+" && mount --bind "+etc+" /etc && mount -t tmpfs -o mode=0755 none /mnt && mkdir /mnt/data /mnt/other /mnt/src")
	sh(t, "ln -s data /mnt/link && ln -s /mnt /mnt/up && truncate -s 4M /mnt/image && mkfs.ext4 -q /mnt/image")
	local, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = local.Close()
		sh(t, "umount /mnt; umount /etc")
	})
	return &node{local, t}
}

// disk is a loop device with an ext4 that is like no other: loop devices are the machine's.
func (n *node) disk() string {
	file := filepath.Join(n.t.TempDir(), "disk")
	device := strings.TrimSpace(sh(n.t, "truncate -s 4M "+file+" && mkfs.ext4 -q -L t"+rand.Text()[:12]+" "+file+" && losetup -f --show "+file))
	n.t.Cleanup(func() { sh(n.t, "losetup -d "+device) })
	return device
}

// tag is how a disk is named by a tag, such as UUID.
func tag(t *testing.T, name, device string) string {
	return name + "=" + strings.TrimSpace(sh(t, "blkid -s "+name+" -o value "+device))
}

// sh runs a shell line and returns what it prints.
func sh(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-ec", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// fresh unmounts what a test before has left and writes the table.
func (n *node) fresh(t *testing.T, table string) {
	t.Helper()
	sh(t, "while umount /mnt/data 2>/dev/null; do :; done")
	if err := os.WriteFile("/etc/fstab", []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mounted lists what is mounted at the mount point, the one on top last: "SOURCE FSTYPE".
func (n *node) mounted(t *testing.T) []string {
	t.Helper()
	all, err := n.Mounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range all {
		if m.Point == "/mnt/data" {
			out = append(out, m.Source+" "+m.FSType)
		}
	}
	return out
}

func (n *node) live(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(sh(t, "findmnt -no OPTIONS /mnt/data | tail -1"))
}

func (n *node) declare(device, fstype, options string) *Mount {
	m := Type().New("/mnt/data").(*Mount)
	m.Device, m.FSType, m.Options, m.Ensure = device, fstype, Options(options), mounted
	return m
}

func (n *node) at(point string) *Mount {
	m := n.declare("none", "tmpfs", "size=1M")
	m.Path = point
	return m
}

// converge checks, applies and checks again. It returns what differed.
func (n *node) converge(t *testing.T, m *Mount) []string {
	t.Helper()
	d, err := m.Check(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Empty() {
		if err := m.Apply(t.Context(), n, d); err != nil {
			t.Fatal(err)
		}
	}
	left, err := m.Check(t.Context(), n)
	if err != nil || !left.Empty() {
		t.Fatalf("still differs: %+v, %v", left.Changes, err)
	}
	return attrs(d)
}

func attrs(d resources.Diff) []string {
	var out []string
	for _, c := range d.Changes {
		out = append(out, c.Attr)
	}
	return out
}

func (n *node) devices(t *testing.T, a, b string) {
	uuid, label := tag(t, "UUID", a), tag(t, "LABEL", a)
	for name, tc := range map[string]struct {
		device, fstype, before string
		want                   []string
	}{
		"path, not mounted":  {a, "ext4", "", []string{"ensure"}},
		"UUID, not mounted":  {uuid, "ext4", "", []string{"ensure"}},
		"LABEL, not mounted": {label, "ext4", "", []string{"ensure"}},
		"UUID, mounted":      {uuid, "ext4", "mount " + a + " /mnt/data", []string{"ensure"}},
		"LABEL, another":     {label, "ext4", "mount " + b + " /mnt/data", []string{"ensure", "device"}},
		"UUID, another":      {uuid, "ext4", "mount " + b + " /mnt/data", []string{"ensure", "device"}},
		"path, another":      {a, "ext4", "mount " + b + " /mnt/data", []string{"ensure", "device"}},
		"another type":       {a, "ext4", "mount -t tmpfs " + a + " /mnt/data", []string{"ensure", "fstype"}},
		"type unset":         {a, "", "", []string{"ensure"}},
	} {
		t.Run(name, func(t *testing.T) {
			n.fresh(t, "# mine\n")
			if tc.before != "" {
				sh(t, tc.before)
			}
			m := n.declare(tc.device, tc.fstype, "")
			if diff := cmp.Diff(tc.want, n.converge(t, m)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{a + " ext4"}, n.mounted(t)); diff != "" {
				t.Errorf("mounted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]any{"device": tc.device}, m.Values()); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func (n *node) options(t *testing.T, a string) {
	for name, tc := range map[string]struct {
		device, fstype, options, before string
		want                            string // of the live options
	}{
		"one too many":            {a, "ext4", "noatime", "mount -o noatime,noexec " + a + " /mnt/data", "rw,noatime"},
		"one missing":             {a, "ext4", "noatime,nosuid", "mount -o noatime " + a + " /mnt/data", "rw,nosuid,noatime"},
		"read-only":               {a, "ext4", "ro", "mount " + a + " /mnt/data", "ro,relatime"},
		"writable":                {a, "ext4", "", "mount -o ro " + a + " /mnt/data", "rw,relatime"},
		"of the file system":      {"tmpfs", "tmpfs", "size=2M", "mount -t tmpfs -o size=1M tmpfs /mnt/data", "rw,relatime,size=2048k"},
		"bind, read-only before":  {"/mnt/src", "none", "bind", "mount --bind /mnt/src /mnt/data && mount -o remount,bind,ro,noexec /mnt/data", "rw,relatime"},
		"a remount does not take": {"tmpfs", "tmpfs", "mode=0755", "mount -t tmpfs -o mode=0700 tmpfs /mnt/data", "rw,relatime,mode=755"},
	} {
		t.Run(name, func(t *testing.T) {
			n.fresh(t, tc.device+"\t/mnt/data\t"+tc.fstype+"\t"+orDefaults(tc.options)+"\t0\t0\n")
			sh(t, tc.before)
			if diff := cmp.Diff([]string{"options"}, n.converge(t, n.declare(tc.device, tc.fstype, tc.options))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			got := strings.Split(n.live(t), ",")
			got = got[:min(len(got), strings.Count(tc.want, ",")+1)]
			if diff := cmp.Diff(tc.want, strings.Join(got, ",")); diff != "" {
				t.Errorf("live options (-want +got):\n%s", diff)
			}
		})
	}
}

func orDefaults(options string) string {
	if options == "" {
		return "defaults"
	}
	return options
}

// A mount that fails is no change: table and mounts are what they were.
func (n *node) failures(t *testing.T, a, b string) {
	for name, tc := range map[string]struct {
		m      *Mount
		before string
		want   string
	}{
		"no such device":               {n.declare("/dev/none", "ext4", ""), "", "/dev/none"},
		"no such device, nofail":       {n.declare("/dev/none", "ext4", "nofail"), "", "/mnt/data: mount did nothing"},
		"no such device, mounted":      {n.declare("/dev/none", "ext4", ""), "mount -o noatime,nosuid " + a + " /mnt/data", "what was mounted before is back"},
		"no such label, mounted":       {n.declare("LABEL=none", "ext4", "nofail"), "mount " + a + " /mnt/data", "what was mounted before is back"},
		"another type than it is of":   {n.declare(a, "xfs", ""), "", "/mnt/data"},
		"an option that is none":       {n.declare(a, "ext4", "nosuchoption"), "", "/mnt/data"},
		"one that is none, mounted":    {n.declare(a, "ext4", "nosuchoption"), "mount " + a + " /mnt/data", "what was mounted before is back"},
		"in use, and cannot be let go": {n.declare(b, "ext4", ""), "mount " + a + " /mnt/data && mkdir -p /mnt/data/sub && mount -t tmpfs none /mnt/data/sub", "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			const table = "# mine\n/dev/sdz\t/elsewhere ext4 noauto 0 0\n"
			n.fresh(t, table)
			if tc.before != "" {
				sh(t, tc.before)
				defer sh(t, "umount /mnt/data/sub 2>/dev/null || true")
			}
			before := sh(t, "findmnt -rno SOURCE,FSTYPE,OPTIONS /mnt/data || true")
			d, err := tc.m.Check(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if err = tc.m.Apply(t.Context(), n, d); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want an error with %q, got %v", tc.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "cannot be put back") {
				t.Error(err)
			}
			if diff := cmp.Diff(table, sh(t, "cat /etc/fstab")); diff != "" {
				t.Errorf("the table (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, sh(t, "findmnt -rno SOURCE,FSTYPE,OPTIONS /mnt/data || true")); diff != "" {
				t.Errorf("the mount (-want +got):\n%s", diff)
			}
		})
	}
}

// What was mounted can be had again after it was unmounted, as an undo does.
func (n *node) undone(t *testing.T, a string) {
	for name, mount := range map[string]string{
		"nothing":          "true",
		"a device":         "mount -o noatime,nosuid " + a + " /mnt/data",
		"memory":           "mount -t tmpfs -o size=1M,mode=0700 none /mnt/data",
		"a file as a loop": "mount -o loop,noatime /mnt/image /mnt/data",
		"a folder":         "mount --bind /mnt/src /mnt/data && mount -o remount,bind,ro /mnt/data",
		"strictly":         "mount -o strictatime,sync,commit=30 " + a + " /mnt/data",
		"a stack":          "mount " + a + " /mnt/data && mount -t tmpfs none /mnt/data",
	} {
		t.Run(name, func(t *testing.T) {
			n.fresh(t, "")
			sh(t, mount)
			const state = "findmnt -rno FSTYPE,OPTIONS,FSROOT /mnt/data || true; cat /sys/block/$(findmnt -rno SOURCE /mnt/data | tail -1 | cut -c6-)/loop/backing_file 2>/dev/null || true"
			before := sh(t, state)
			m := n.at("/mnt/data")
			m.Ensure = absent
			if name == "nothing" {
				m.Ensure = mounted
			}
			raw, err := m.Before(t.Context(), n, resources.Diff{})
			if err != nil {
				t.Fatal(err)
			}
			n.converge(t, m)
			if err := Type().New("another title").(*Mount).Restore(t.Context(), n, raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, sh(t, state)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func (n *node) others(t *testing.T) {
	for name, tc := range map[string]struct {
		m     *Mount
		drift string
	}{
		"a folder":                     {n.declare("/mnt/src", "none", "bind,ro"), "mount -o remount,bind,rw /mnt/data"},
		"another folder":               {n.declare("/mnt/src", "none", "bind"), "umount /mnt/data && mount --bind /mnt/other /mnt/data"},
		"a file as a loop":             {n.declare("/mnt/image", "ext4", "loop,noatime"), "mount -o remount,noexec /mnt/data"},
		"memory":                       {n.declare("none", "tmpfs", "size=1M,mode=0700"), "umount /mnt/data"},
		"a group by its name":          {n.declare("none", "tmpfs", "gid=tty,mode=0770"), "umount /mnt/data && mount -t tmpfs -o mode=0770,gid=4 none /mnt/data"},
		"processes hidden by a number": {n.declare("proc", "proc", "hidepid=2"), "mount -o remount,hidepid=0 /mnt/data"},
		"a mount point that is a link": {n.at("/mnt/link"), "umount /mnt/data"},
		"a mount point behind a link":  {n.at("/mnt/up/data"), "mount -o remount,noexec /mnt/data"},
	} {
		t.Run(name, func(t *testing.T) {
			n.fresh(t, "")
			n.converge(t, tc.m)
			sh(t, tc.drift)
			if n.converge(t, tc.m) == nil {
				t.Errorf("%s was no drift", tc.drift)
			}
			tc.m.Ensure = absent
			n.converge(t, tc.m)
			if got := n.mounted(t); got != nil {
				t.Errorf("still mounted: %q", got)
			}
		})
	}
}
