package mount

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// What is declared of an entry is in it, whatever form the device has; what is not declared stays as it was.
func TestEntry(t *testing.T) {
	for name, tc := range map[string]struct {
		table string
		edit  func(*Mount)
		want  string
	}{
		"all of it": {"", func(m *Mount) { m.Dump, m.Pass = new(1), new(2) }, "/dev/xvdj\t/data\text4\tdefaults,noatime\t1\t2\n"},
		"by UUID":   {"", func(m *Mount) { m.Device = "UUID=1-2" }, "UUID=1-2\t/data\text4\tdefaults,noatime\t0\t0\n"},
		"by label":  {"", func(m *Mount) { m.Device = "LABEL=data" }, "LABEL=data\t/data\text4\tdefaults,noatime\t0\t0\n"},
		"remote": {"", func(m *Mount) { m.Device, m.FSType, m.Options = "node01:/gv0", "glusterfs", "defaults,_netdev" },
			"node01:/gv0\t/data\tglusterfs\tdefaults,_netdev\t0\t0\n"},
		"no type and no options": {"", func(m *Mount) { m.FSType, m.Options = "", "" }, "/dev/xvdj\t/data\tauto\tdefaults\t0\t0\n"},
		"dump and pass stay":     {"/dev/xvdj /data ext4 ro 1 2\n", func(*Mount) {}, "/dev/xvdj\t/data\text4\tdefaults,noatime\t1\t2\n"},
		"type, options and device stay": {"/dev/xvdj /data ext4 ro 1 2\n", func(m *Mount) { m.Device, m.FSType, m.Options, m.Pass = "", "", "", new(0) },
			"/dev/xvdj\t/data\text4\tro\t1\t0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+tc.table)
			h.Mount()
			m := declare(present)
			tc.edit(m)
			resourcetest.Converges(t, h, m)
			if diff := cmp.Diff(tc.want, h.Content("/etc/fstab")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if m.Values()["device"] == "" {
				t.Error("the value device is empty")
			}
		})
	}
}

// Options are one string or a list, and what is not said of the rest has its default.
func TestAttributes(t *testing.T) {
	for name, value := range map[string]any{"string": "ro,noatime", "list": []any{"ro", "noatime"}} {
		var o Options
		if err := o.UnmarshalAttr(value); err != nil || o != "ro,noatime" {
			t.Errorf("%s: %q, %v", name, o, err)
		}
	}
	if err := new(Options).UnmarshalAttr([]any{[]any{"ro"}}); err == nil {
		t.Error("a list of lists was accepted")
	}
	want := &Mount{Path: "/x", Remounts: true}
	if diff := cmp.Diff(want, Type().New("/x")); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// A device that is told by its UUID or label is the one that is mounted under another name.
func TestDeviceByAnotherName(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("names of devices are not tested: only root can make device files")
	}
	const names = "-- data/ --\n-- dev/ --\n-- dev/disk/by-uuid/1-2 -> ../../xvdj --\n-- dev/disk/by-label/data -> ../../xvdj --\n-- dev/disk/by-uuid/3-4 -> ../../xvdk --\n"
	for device, same := range map[string]bool{"UUID=1-2": true, "LABEL=data": true, "/dev/disk/by-uuid/1-2": true, "UUID=3-4": false, "/dev/xvdk": false} {
		t.Run(device, func(t *testing.T) {
			h := hosttest.New(t, names+"-- etc/fstab --\n"+device+" /data ext4 defaults,noatime 0 0\n")
			for minor, name := range []string{"/dev/xvdj", "/dev/xvdk"} {
				if err := unix.Mknod(h.Path(name), unix.S_IFBLK|0o600, int(unix.Mkdev(202, uint32(minor)))); err != nil {
					t.Fatal(err)
				}
			}
			h.Mount(current("noatime"))
			m := declare(mounted)
			m.Device = device
			if got := resourcetest.Check(t, h, m).Empty(); got != same {
				t.Errorf("as declared: want %v, got %v", same, got)
			}
		})
	}
}

// A remote mount is known by its server and folder, however that is written, and by the type that the kernel shows for it.
func TestRemote(t *testing.T) {
	for _, tc := range []struct {
		device, fstype, source, live string
		want                         []string // what differs
	}{
		{"node01:/gv0", "glusterfs", "node01:/gv0", "fuse.glusterfs", nil},
		{"node01:gv0", "glusterfs", "node01:/gv0", "fuse.glusterfs", nil},
		{"node01:/gv0/", "glusterfs", "node01:/gv0", "fuse.glusterfs", nil},
		{"node02:/gv0", "glusterfs", "node01:/gv0", "fuse.glusterfs", []string{"device"}},
		{"server:/export", "nfs", "server:/export", "nfs4", nil},
		{"server:/export", "nfs", "server:/other", "nfs4", []string{"device"}},
		{"server:/export", "nfs", "server:/export", "cifs", []string{"fstype"}},
	} {
		h := hosttest.New(t, "-- data/ --\n-- etc/fstab --\n"+tc.device+" /data "+tc.fstype+" noatime 0 0\n")
		h.Mount(other(func(m *host.Mount) { m.Source, m.FSType = tc.source, tc.live }))
		m := declare(mounted)
		m.Device, m.FSType, m.Options = tc.device, tc.fstype, ""
		if diff := cmp.Diff(tc.want, attrs(resourcetest.Check(t, h, m))); diff != "" {
			t.Errorf("%s %s, mounted %s %s (-want +got):\n%s", tc.device, tc.fstype, tc.source, tc.live, diff)
		}
	}
}

// The mount point is what two declarations may not share; a device that is managed, its folder and the mount that it is in come before.
func TestIdentities(t *testing.T) {
	m := declare(mounted)
	m.Path = "/data/"
	if diff := cmp.Diff([]resources.Identity{{Kind: "mount", Name: "/data"}}, m.Provides()); diff != "" {
		t.Error(diff)
	}
	want := []resources.Identity{{Kind: "path", Name: "/dev/xvdj"}, {Kind: "path", Name: "/data", Nearest: true}, {Kind: "mount", Name: "/data", Nearest: true}}
	if diff := cmp.Diff(want, m.Requires()); diff != "" {
		t.Error(diff)
	}
	m.Device = "UUID=1-2"
	if diff := cmp.Diff(want[1:], m.Requires()); diff != "" {
		t.Error(diff)
	}
}

// What was stacked under the mount point is not taken for it, nor is what is mounted below it.
func TestOtherMountsStay(t *testing.T) {
	below := host.Mount{ID: 31, Parent: 30, Point: "/data/sub", Root: "/", FSType: "tmpfs", Source: "tmpfs", Options: []string{"rw"}, SuperOptions: []string{"rw"}}
	h := hosttest.New(t, "-- etc/fstab --\n"+line("defaults,noatime")+"-- data/ --\n-- data/sub/ --\n")
	h.Mount(current("noatime"), below)
	if d := resourcetest.Check(t, h, declare(mounted)); !d.Empty() {
		t.Errorf("changes: %+v", d.Changes)
	}
}

// The device of the table is a value where none is declared.
func TestDeviceIsAValue(t *testing.T) {
	for name, tc := range map[string]struct {
		table, declared string
		want            any
	}{
		"declared":     {"/dev/a /data ext4 defaults 0 0\n", "/dev/b", "/dev/b"},
		"of the table": {"/dev/a /data ext4 defaults 0 0\n", "", "/dev/a"},
		"none":         {"", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := Type().New("/data").(*Mount)
			m.Device = tc.declared
			if tc.want == nil {
				m.Ensure = absent
			}
			if _, err := m.Check(t.Context(), hosttest.New(t, "-- etc/fstab --\n"+tc.table)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, m.Values()["device"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The kernel shows a group by its number, a sandbox as it was said.
func TestGroupsByNameAreMounted(t *testing.T) {
	for shown, want := range map[string]bool{"gid=5": false, "gid=tty": false, "gid=6": true} {
		t.Run(shown, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/group --\ntty:x:5:\n-- data/ --\n-- etc/fstab --\ntmpfs /data tmpfs gid=tty 0 0\n")
			h.Mount(host.Mount{ID: 30, Point: "/data", Root: "/", FSType: "tmpfs", Source: "tmpfs", Options: []string{"rw", "relatime"}, SuperOptions: []string{"rw", shown}})
			m := Type().New("/data").(*Mount)
			m.Ensure = mounted
			d, err := m.Check(t.Context(), h)
			if err != nil || d.Has("options") != want {
				t.Errorf("%+v, %v", d.Changes, err)
			}
		})
	}
}
