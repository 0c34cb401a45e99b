package mount

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/mount/fstab"
	"github.com/nodeapply/apply/resources/mount/internal/options"
)

// sameType compares the types of file systems, by the names that the kernel gives them.
func sameType(want string, live host.Mount) bool {
	switch {
	case want == "auto" || want == "none" || want == live.FSType || "fuse."+want == live.FSType:
		return true
	case want == "nfs" && live.FSType == "nfs4", strings.HasPrefix(want, "ntfs") && live.FSType == "fuseblk":
		return true
	}
	return false
}

// sameDevice says whether the live mount is of the declared device.
func sameDevice(ctx context.Context, v host.View, want fstab.Entry, live host.Mount) bool {
	words := options.Words(want.Options)
	switch {
	case slices.Contains(words, "bind") || slices.Contains(words, "rbind"):
		a, errA := v.Lstat(want.Device)
		b, errB := v.Lstat(live.Point)
		return errA == nil && errB == nil && a.Dev == b.Dev && a.Ino == b.Ino
	case want.Device == live.Source:
		return true
	}
	device := devicePath(ctx, v, want.Device)
	if !path.IsAbs(device) {
		return remote(want.Device) == remote(live.Source)
	}
	name, a, errA := host.Resolve(v, device)
	if errA == nil && a.Kind == host.Regular {
		return backing(v, live.Source) == name
	}
	_, b, errB := host.Resolve(v, live.Source)
	return errA == nil && errB == nil && a.Kind == host.BlockDevice && a.Kind == b.Kind && a.Rdev == b.Rdev
}

// remote writes server:export and server:/export alike.
func remote(s string) string {
	return strings.TrimRight(strings.Replace(s, ":/", ":", 1), "/")
}

// devicePath is the name of a device that is named by a tag: udev's link or, on a node without udev, what findfs(8) finds.
func devicePath(ctx context.Context, v host.View, device string) string {
	tag, value, ok := strings.Cut(device, "=")
	if !ok || path.IsAbs(device) {
		return device
	}
	dirs := map[string]string{"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
	dir, ok := dirs[strings.ToUpper(tag)]
	if !ok {
		return device
	}
	value = strings.Trim(value, `"`)
	link := "/dev/disk/" + dir + "/" + udevName(value)
	if st, err := v.Lstat(link); err != nil || st.Kind != host.Absent {
		return link
	}
	out, err := v.Query(ctx, host.Cmd{Args: []string{"findfs", strings.ToUpper(tag) + "=" + value}})
	if err != nil || out.ExitCode != 0 {
		return link
	}
	return strings.TrimSpace(string(out.Stdout))
}

// udevName writes a label as udev does in file names: other characters than these as \xNN.
func udevName(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("#+-.:=@_", c) >= 0 || c >= 0x80 {
			b.WriteByte(c)
			continue
		}
		b.WriteString(`\x` + strconv.FormatUint(uint64(c)+0x100, 16)[1:])
	}
	return b.String()
}

// backing is the file behind a loop device.
func backing(v host.View, source string) string {
	content, err := host.ReadFile(v, "/sys/block/"+path.Base(source)+"/loop/backing_file")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(content)
}
