// Package live knows the mounts that the kernel has: which are on a mount point, whether they are what an entry of fstab asks for, and how one that was
// taken off comes back.
package live

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

// Apart says whether the mounts that this process sees are its own: what it mounts the rest of the node does not see, and what it unmounts stays there.
func Apart(v host.View) bool {
	own, err := v.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return false
	}
	node, err := v.Readlink("/proc/1/ns/mnt")
	return err == nil && own != node
}

// At returns what is stacked on a mount point, the one on top last.
func At(ctx context.Context, v host.View, point string) ([]host.Mount, error) {
	all, err := v.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	stack := stackedAt(all, point)
	if stack == nil { // the kernel has the mount point by its name without links
		stack = stackedAt(all, withoutLinks(v, point))
	}
	return stack, nil
}

func stackedAt(all []host.Mount, point string) (stack []host.Mount) {
	for _, l := range all {
		if l.Point == point {
			stack = append(stack, l)
		}
	}
	return stack
}

// withoutLinks follows the links on the way to a folder, as far as that can be seen.
func withoutLinks(v host.View, name string) string {
	if name == "/" {
		return name
	}
	name = path.Join(withoutLinks(v, path.Dir(name)), path.Base(name))
	if to, _, err := host.Resolve(v, name); err == nil {
		return to
	}
	return name
}

// Options are those of a mount and of its file system, each once.
func Options(m host.Mount) []string {
	all := slices.Clone(m.Options)
	for _, o := range m.SuperOptions {
		if !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	return all
}

// SameType says whether a live mount is of the type that an entry names: the kernel has other names for some.
func SameType(want string, is host.Mount) bool {
	switch {
	case want == "auto" || want == "none" || want == is.FSType || "fuse."+want == is.FSType:
		return true
	case want == "nfs" && is.FSType == "nfs4", strings.HasPrefix(want, "ntfs") && is.FSType == "fuseblk":
		return true
	}
	return false
}

// Numbered returns options with the names of a user or a group as their numbers, as mount(8) hands them on and the kernel shows them.
func Numbered(ctx context.Context, v host.View, declared string) string {
	words := strings.Split(declared, ",")
	for i, w := range words {
		if name, ok := strings.CutPrefix(w, "uid="); ok {
			if u, err := v.LookupUser(ctx, name); err == nil {
				words[i] = "uid=" + strconv.FormatUint(uint64(u.UID), 10)
			}
		}
		if name, ok := strings.CutPrefix(w, "gid="); ok {
			if g, err := v.LookupGroup(ctx, name); err == nil {
				words[i] = "gid=" + strconv.FormatUint(uint64(g.GID), 10)
			}
		}
	}
	return strings.Join(words, ",")
}

// SameDevice says whether a live mount is of the device that an entry names: a path, a tag, a remote, the file behind a loop device, or the folder that
// is bound.
func SameDevice(ctx context.Context, v host.View, want fstab.Entry, is host.Mount) bool {
	switch {
	case options.Binds(want.Options):
		a, errA := v.Lstat(want.Device)
		b, errB := v.Lstat(is.Point)
		return errA == nil && errB == nil && a.Dev == b.Dev && a.Ino == b.Ino
	case want.Device == is.Source:
		return true
	}
	device := devicePath(ctx, v, want.Device)
	if !path.IsAbs(device) {
		return remote(want.Device) == remote(is.Source)
	}
	name, a, errA := host.Resolve(v, device)
	if errA == nil && a.Kind == host.Regular {
		return backing(v, is.Source) == name
	}
	_, b, errB := host.Resolve(v, is.Source)
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

// backing is the file behind a loop device, "" if it is none.
func backing(v host.View, source string) string { return loop(v, source, "backing_file") }

// part are the options of mount(8) that say which part of its file a loop device is, none if it is all of it.
func part(v host.View, source string) []string {
	var options []string
	for _, attr := range []string{"offset", "sizelimit"} {
		if n := loop(v, source, attr); n != "" && n != "0" {
			options = append(options, attr+"="+n)
		}
	}
	return options
}

// loop is what the kernel says of a loop device.
func loop(v host.View, source, attr string) string {
	if !strings.HasPrefix(source, "/dev/loop") {
		return ""
	}
	content, err := host.ReadFile(v, "/sys/block/"+path.Base(source)+"/loop/"+attr)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(content, "\n")
}

// Origin is the mount in which the folder is that an entry binds, whose flags a bind mount has unless it is given others; a zero one if the entry binds
// none, or where that cannot be seen.
func Origin(ctx context.Context, v host.View, entry fstab.Entry) (host.Mount, error) {
	var in host.Mount
	if !options.Binds(entry.Options) || !path.IsAbs(entry.Device) {
		return in, nil
	}
	all, err := v.Mounts(ctx)
	if err != nil {
		return in, err
	}
	name, point := withoutLinks(v, entry.Device), withoutLinks(v, entry.Path)
	for _, m := range all {
		if host.Within(name, m.Point) && m.Point != point && len(m.Point) >= len(in.Point) {
			in = m
		}
	}
	return in, nil
}
