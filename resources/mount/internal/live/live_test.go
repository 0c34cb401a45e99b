package live

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/mount/fstab"
)

// All that is stacked on the point, by its name or by what links on the way make of it.
func TestAt(t *testing.T) {
	h := hosttest.New(t, "-- real/data/ --\n-- link -> real --\n-- data/ --\n")
	on := func(id int, point string) host.Mount { return host.Mount{ID: id, Point: point, Root: "/"} }
	h.Mount(on(1, "/"), on(2, "/real/data"), on(3, "/real/data"), on(4, "/real/data/below"))
	for point, want := range map[string][]int{"/real/data": {2, 3}, "/link/data": {2, 3}, "/data": nil, "/": {1}, "/none/at/all": nil} {
		t.Run(point, func(t *testing.T) {
			stack, err := At(t.Context(), h, point)
			if err != nil {
				t.Fatal(err)
			}
			var ids []int
			for _, m := range stack {
				ids = append(ids, m.ID)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Users and groups are numbers to the kernel; a name that the node does not know stays.
func TestNumbered(t *testing.T) {
	h := hosttest.New(t, "-- etc/passwd --\nweb:x:33:34::/:\n-- etc/group --\ntty:x:5:\n")
	if diff := cmp.Diff("uid=33,noatime,gid=5,uid=7,gid=none", Numbered(t.Context(), h, "uid=web,noatime,gid=tty,uid=7,gid=none")); diff != "" {
		t.Error(diff)
	}
}

func TestSameDevice(t *testing.T) {
	h := hosttest.New(t, "-- disk.img --\n-- link.img -> disk.img --\n-- other.img --\n-- sys/block/loop3/loop/backing_file --\n/disk.img\n-- bound/ --\n-- data/ --\n")
	h.Answer("findfs LABEL=data", 0, "/dev/xvdj\n")
	h.Answer("findfs LABEL=none", 1, "")
	for name, tt := range map[string]struct {
		want   fstab.Entry
		source string
		same   bool
	}{
		"by its name":             {fstab.Entry{Device: "/dev/xvdj"}, "/dev/xvdj", true},
		"another":                 {fstab.Entry{Device: "/dev/xvdk"}, "/dev/xvdj", false},
		"remote":                  {fstab.Entry{Device: "a:export/"}, "a:/export", true},
		"another remote":          {fstab.Entry{Device: "a:/export"}, "b:/export", false},
		"file behind a loop":      {fstab.Entry{Device: "/disk.img"}, "/dev/loop3", true},
		"file through a link":     {fstab.Entry{Device: "/link.img"}, "/dev/loop3", true},
		"another file":            {fstab.Entry{Device: "/other.img"}, "/dev/loop3", false},
		"another folder is bound": {fstab.Entry{Device: "/bound", Options: "defaults,bind"}, "/dev/xvdj", false},
		"the folder itself":       {fstab.Entry{Device: "/data", Options: "rbind"}, "/dev/xvdj", true},
		"a label of nothing":      {fstab.Entry{Device: "LABEL=none"}, "/dev/xvdj", false},
	} {
		t.Run(name, func(t *testing.T) {
			if same := SameDevice(t.Context(), h, tt.want, host.Mount{Point: "/data", Source: tt.source}); same != tt.same {
				t.Errorf("want %t", tt.same)
			}
		})
	}
}

// Labels are file names of udev's.
func TestUdevName(t *testing.T) {
	if diff := cmp.Diff(`a\x20b\x2fc\x5cé#+-.:=@_`, udevName(`a b/c\é#+-.:=@_`)); diff != "" {
		t.Error(diff)
	}
}

func TestSameType(t *testing.T) {
	for _, tt := range []struct {
		want, live string
		same       bool
	}{
		{"ext4", "ext4", true}, {"auto", "xfs", true}, {"none", "ext4", true}, {"glusterfs", "fuse.glusterfs", true}, {"nfs", "nfs4", true},
		{"nfs4", "nfs", false}, {"ntfs-3g", "fuseblk", true}, {"ext4", "ext3", false},
	} {
		if same := SameType(tt.want, host.Mount{FSType: tt.live}); same != tt.same {
			t.Errorf("%s, live %s: want %t", tt.want, tt.live, tt.same)
		}
	}
}

// loops are two loop devices of one file, the second of a part of it.
const loops = `-- sys/block/loop3/loop/backing_file --
/disk.img
-- sys/block/loop3/loop/offset --
0
-- sys/block/loop4/loop/backing_file --
/disk.img
-- sys/block/loop4/loop/offset --
1048576
-- sys/block/loop4/loop/sizelimit --
0
-- sys/block/loop5/loop/backing_file --
/disk.img
`

// The number of a loop device is of this boot: what is kept of a mount does not say it.
func TestRememberLoop(t *testing.T) {
	h := hosttest.New(t, loops)
	kept := map[string]string{}
	for _, source := range []string{"/dev/loop3", "/dev/loop4", "/dev/loop5"} {
		pasts, err := Remember(t.Context(), h, []host.Mount{{Point: "/data", Root: "/", Source: source, FSType: "ext4"}}, false)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(pasts)
		if err != nil {
			t.Fatal(err)
		}
		kept[source] = string(b)
	}
	if diff := cmp.Diff(kept["/dev/loop3"], kept["/dev/loop5"]); diff != "" {
		t.Error(diff)
	}
	if kept["/dev/loop3"] == kept["/dev/loop4"] || strings.Contains(kept["/dev/loop3"], "/dev/") {
		t.Errorf("kept are\n%s\n%s", kept["/dev/loop3"], kept["/dev/loop4"])
	}
}

// The folder that is bound is in the mount that is nearest above it, which is not the bind mount itself.
func TestOrigin(t *testing.T) {
	h := hosttest.New(t, "-- srv/www/ --\n-- data/ --\n-- link -> srv --\n")
	h.Mount(host.Mount{ID: 1, Point: "/", Root: "/"}, host.Mount{ID: 2, Point: "/srv", Root: "/"}, host.Mount{ID: 3, Point: "/srv/www", Root: "/www"}, host.Mount{ID: 4, Point: "/sr", Root: "/"})
	for name, tt := range map[string]struct {
		entry fstab.Entry
		want  int
	}{
		"nearest":      {fstab.Entry{Device: "/srv/www", Path: "/data", Options: "bind"}, 3},
		"on itself":    {fstab.Entry{Device: "/srv/www", Path: "/srv/www", Options: "rbind"}, 2},
		"through link": {fstab.Entry{Device: "/link", Path: "/data", Options: "bind"}, 2},
		"root's own":   {fstab.Entry{Device: "/data", Path: "/srv", Options: "ro,bind"}, 1},
		"no folder":    {fstab.Entry{Device: "tmpfs", Path: "/data", Options: "bind"}, 0},
		"no bind":      {fstab.Entry{Device: "/srv/www", Path: "/data", Options: "ro"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Origin(t.Context(), h, tt.entry)
			if err != nil || m.ID != tt.want {
				t.Errorf("want %d, got %d, %v", tt.want, m.ID, err)
			}
		})
	}
}

// What was taken off comes back as it was: the file of a loop device, the folder that was bound, the size of a tmpfs.
func TestRestore(t *testing.T) {
	root := host.Mount{ID: 1, Point: "/", Root: "/", Source: "/dev/xvda", FSType: "ext4"}
	for name, tt := range map[string]struct {
		was  host.Mount
		want []string
	}{
		"disk": {host.Mount{Root: "/", Source: "/dev/xvdj", FSType: "ext4", Options: []string{"rw", "noatime"}}, []string{"mount -t ext4 -o rw,noatime -- /dev/xvdj /data"}},
		"disk, with options": {host.Mount{Root: "/", Source: "/dev/xvdj", FSType: "ext4", Options: []string{"ro", "relatime"}, SuperOptions: []string{"rw", "seclabel", "sync", "commit=30"}},
			[]string{"mount -t ext4 -o rw,sync,commit=30,ro,relatime -- /dev/xvdj /data"}},
		"disk, with options that it does not take": {host.Mount{Root: "/", Source: "/dev/xvdj", FSType: "ext4", Options: []string{"ro", "relatime"}, SuperOptions: []string{"refused"}},
			[]string{"mount -t ext4 -o refused,ro,relatime -- /dev/xvdj /data", "mount -t ext4 -o ro,relatime -- /dev/xvdj /data"}},
		"fuse": {host.Mount{Root: "/", Source: "a:/gv0", FSType: "fuse.glusterfs", Options: []string{"rw"}}, []string{"mount -t glusterfs -o rw,strictatime -- a:/gv0 /data"}},
		"tmpfs": {host.Mount{Root: "/", Source: "tmpfs", FSType: "tmpfs", Options: []string{"rw"}, SuperOptions: []string{"rw", "size=4k"}},
			[]string{"mount -t tmpfs -o rw,size=4k,rw,strictatime -- tmpfs /data"}},
		"loop device":      {host.Mount{Root: "/", Source: "/dev/loop3", FSType: "ext4", Options: []string{"rw"}}, []string{"mount -t ext4 -o rw,strictatime,loop -- /disk.img /data"}},
		"part of the file": {host.Mount{Root: "/", Source: "/dev/loop4", FSType: "ext4", Options: []string{"ro"}}, []string{"mount -t ext4 -o ro,strictatime,loop,offset=1048576 -- /disk.img /data"}},
		"bound folder": {host.Mount{Root: "/srv/www", Source: "/dev/xvda", FSType: "ext4", Options: []string{"ro"}},
			[]string{"mount --bind -- /srv/www /data", "mount -o remount,atime,diratime,bind,ro,strictatime,suid,dev,exec -- /data"}},
		"part of what is nowhere": {host.Mount{Root: "/x", Source: "/dev/xvdz", FSType: "ext4"}, []string{"was a part (/x) of a file system that is mounted nowhere else"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, loops+"-- data/ --\n-- srv/www/ --\n")
			tt.was.ID, tt.was.Point = 9, "/data"
			h.Mount(root, tt.was)
			pasts, err := Remember(t.Context(), h, []host.Mount{tt.was}, false)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			h.Handle("mount", func(_ context.Context, c host.Cmd) (host.Output, error) {
				got = append(got, strings.Join(c.Args, " "))
				if strings.Contains(strings.Join(c.Args, " "), "refused") {
					return host.Output{ExitCode: 32}, nil
				}
				return host.Output{}, nil
			})
			if err := pasts[0].Restore(t.Context(), h); err != nil {
				_, reason, _ := strings.Cut(err.Error(), "/data ")
				got = append(got, reason)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			others, err := Remember(t.Context(), h, []host.Mount{tt.was, root}, false)
			if err != nil || !pasts[0].is(others[0]) || pasts[0].is(others[1]) {
				t.Errorf("it is not told from another: %v", err)
			}
		})
	}
}
