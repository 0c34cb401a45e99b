package cluster

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

// volumeGroup is the second sector of a disk that belongs to LVM, as its on-disk format has it: a label with a checksum.
func volumeGroup() []byte {
	const seed = 0xf597a6cf
	b := make([]byte, 512)
	copy(b, "LABELONE")
	b[8] = 1 // this sector
	binary.LittleEndian.PutUint32(b[20:], 32)
	copy(b[24:], "LVM2 001")
	copy(b[32:], strings.Repeat("a", 32)) // the volume's id
	binary.LittleEndian.PutUint32(b[16:], ^crc32.Update(^uint32(seed), crc32.IEEETable, b[20:]))
	return b
}

// TestDevices: a device is formatted only if it is empty, or with force; one that is mounted never.
func TestDevices(t *testing.T) {
	t.Parallel()
	c := boot(t, 1, 64<<20, "fdisk")
	n := c.nodes[0]
	c.check(n.Put(t.Context(), "/srv/lvm", volumeGroup(), 0o644))

	const ours, untouched = "glusterfs-brick ext4", ""
	for _, x := range []struct {
		name, prepare, inputs string
		code                  int
		says                  string
		after                 string // label and type; "": every byte as it was
	}{
		{"empty", "", "", 2, "", ours},
		{"made by an earlier run", "mkfs.ext4 -q -L glusterfs-brick /dev/xvdj", "", 0, "", untouched},
		{"mounted where the brick belongs", "mkfs.ext4 -q /dev/xvdj; mkdir -p /data; mount /dev/xvdj /data", "", 0, "", " ext4"},
		{"ext4", "mkfs.ext4 -q /dev/xvdj", "", 4, "carries a signature", untouched},
		{"ext4 of another name", "mkfs.ext4 -q -L backup /dev/xvdj", "", 4, "force = true", untouched},
		{"swap", "mkswap /dev/xvdj", "", 4, "carries a signature", untouched},
		{"LUKS", `printf 'LUKS\272\276\000\001' > /dev/xvdj`, "", 4, "carries a signature", untouched},
		{"LVM", "dd if=/srv/lvm of=/dev/xvdj seek=1 status=none", "", 4, "carries a signature", untouched},
		{"partitions of DOS", "echo 2048,,83 | sfdisk -q /dev/xvdj", "", 4, "carries a signature", untouched},
		{"partitions of GPT", "echo 2048,, | sfdisk -q -X gpt /dev/xvdj", "", 4, "carries a signature", untouched},
		{"mounted elsewhere", "mkfs.ext4 -q /dev/xvdj; mount /dev/xvdj /mnt", "", 4, "is mounted", " ext4"},
		{"mounted elsewhere, with force", "mkfs.ext4 -q /dev/xvdj; mount /dev/xvdj /mnt", "force = true", 4, "is mounted", " ext4"},
		{"ext4, with force", "mkfs.ext4 -q -L backup /dev/xvdj", "force = true", 2, "", ours},
		{"LVM, with force", "dd if=/srv/lvm of=/dev/xvdj seek=1 status=none", "force = true", 2, "", ours},
		{"no block device", "", `device = "/srv/lvm"`, 4, "no block device", untouched},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.t = t
			if !strings.Contains(x.inputs, "device") {
				x.inputs += "\ndevice = \"/dev/xvdj\""
			}
			c.check(n.Put(t.Context(), "/srv/main.hcl", fmt.Appendf(nil, "module \"gluster\" {\n source = \"glusterfs\"\n%s\n}\n", x.inputs), 0o644))
			c.sh(n, "! mountpoint -q /mnt || umount /mnt; ! mountpoint -q /data || umount /data; blkdiscard -z /dev/xvdj || dd if=/dev/zero of=/dev/xvdj bs=1M count=64 status=none")
			c.sh(n, "exec 2>&1; "+x.prepare)
			before := c.sh(n, "sync; sha256sum < /dev/xvdj")
			res, err := n.Run(t.Context(), "apply", "--detailed-exitcode", "--target", "module.gluster.exec.mkfs", "/srv/main.hcl")
			if err != nil || res.Code != x.code || !strings.Contains(res.Stdout, x.says) {
				t.Fatalf("want exit code %d and %q, got %d %v\n%s%s", x.code, x.says, res.Code, err, res.Stdout, res.Stderr)
			}
			if x.after == untouched {
				if after := c.sh(n, "sha256sum < /dev/xvdj"); after != before {
					t.Error("the device was touched")
				}
				return
			}
			if got := c.sh(n, `echo "$(blkid -p -s LABEL -o value /dev/xvdj) $(blkid -p -s TYPE -o value /dev/xvdj)"`); " "+got != x.after && got != x.after {
				t.Errorf("label and type: want %q, got %q", x.after, got)
			}
			if x.code != 2 {
				return
			}
			if res, err := n.Run(t.Context(), "apply", "--detailed-exitcode", "--target", "module.gluster.exec.mkfs", "/srv/main.hcl"); err != nil || res.Code != 0 {
				t.Errorf("the next run: exit code %d %v\n%s%s", res.Code, err, res.Stdout, res.Stderr)
			}
		})
	}
}
