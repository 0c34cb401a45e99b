package mount

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/mount/fstab"
)

// flag is an option of every file system, with the words that turn it on and off. Without a word in fstab it is as def says.
type flag struct {
	on, off string
	def     string // "" : the kernel's choice, not compared unless declared
}

// flags are shown by the kernel among a mount's own options, by their "on" word where they are on.
var flags = []flag{
	{"ro", "rw", "rw"},
	{"nosuid", "suid", "suid"},
	{"nodev", "dev", "dev"},
	{"noexec", "exec", "exec"},
	{"nodiratime", "diratime", "diratime"},
	{"nosymfollow", "symfollow", "symfollow"},
}

// superFlags are shown among the options of the file system.
var superFlags = []flag{
	{"sync", "async", "async"},
	{"dirsync", "", ""},
	{"lazytime", "nolazytime", ""},
}

// atimes exclude each other; without one of them in fstab it is relatime.
var atimes = []string{"noatime", "relatime", "strictatime"}

// implied are words that stand for several.
var implied = map[string][]string{
	"defaults": {"rw", "suid", "dev", "exec", "async"},
	"user":     {"noexec", "nosuid", "nodev"},
	"users":    {"noexec", "nosuid", "nodev"},
	"owner":    {"nosuid", "nodev"},
	"group":    {"nosuid", "nodev"},
	"atime":    {"relatime"},
}

// shown are options of single file systems that the kernel shows whenever they are on: their absence is a difference. Others the kernel leaves out where
// they are the default of that file system, so that their absence says nothing.
var shown = []string{"discard", "nobarrier", "nodelalloc", "noload", "usrquota", "grpquota", "prjquota", "commit", "size", "nr_inodes", "subvol", "compress", "logbufs", "logbsize"}

// lacking lists the declared options that the live mount does not have.
func lacking(want fstab.Entry, live host.Mount) []string {
	words := expand(want.Options)
	var out []string
	bind := slices.Contains(words, "bind") || slices.Contains(words, "rbind")
	loose := bind || strings.HasPrefix(live.FSType, "fuse") // these get flags from elsewhere: only what is declared is compared
	for _, f := range flags {
		if w := wanted(words, f, loose); w != "" && (w == f.on) != slices.Contains(live.Options, f.on) {
			out = append(out, w)
		}
	}
	for _, f := range superFlags {
		if w := wanted(words, f, loose); w != "" && (w == f.on) != slices.Contains(live.SuperOptions, f.on) {
			out = append(out, w)
		}
	}
	if a := atime(words); a != "" || !loose {
		if a == "" {
			a = "relatime"
		}
		if a != liveAtime(live) {
			out = append(out, a)
		}
	}
	return append(out, lackingOwn(words, live)...)
}

// wanted is the last word about a flag in words, else its default.
func wanted(words []string, f flag, loose bool) string {
	for _, w := range slices.Backward(words) {
		if w == f.on || w == f.off && f.off != "" {
			return w
		}
	}
	if loose {
		return ""
	}
	return f.def
}

func atime(words []string) string {
	for _, w := range slices.Backward(words) {
		if slices.Contains(atimes, w) {
			return w
		}
	}
	return ""
}

// liveAtime is the way in which a live mount keeps access times; the kernel shows nothing for strictatime.
func liveAtime(live host.Mount) string {
	for _, a := range atimes {
		if slices.Contains(live.Options, a) {
			return a
		}
	}
	return "strictatime"
}

// lackingOwn compares the options of the file system itself: values that are shown, and flags that would be.
func lackingOwn(words []string, live host.Mount) []string {
	has := map[string]string{}
	for _, o := range append(slices.Clone(live.Options), live.SuperOptions...) {
		k, v, _ := strings.Cut(o, "=")
		has[k] = v
	}
	var out []string
	for _, w := range words {
		k, v, valued := strings.Cut(w, "=")
		if strings.HasPrefix(k, "x-") || k == "comment" {
			continue
		}
		got, there := has[k]
		switch {
		case there && valued && !sameValue(v, got):
			out = append(out, w)
		case !there && slices.Contains(shown, k):
			out = append(out, w)
		}
	}
	return out
}

// sameValue compares values; sizes by their bytes (1G is 1048576k). A share of the memory cannot be compared.
func sameValue(a, b string) bool {
	if a == b || strings.HasSuffix(a, "%") {
		return true
	}
	x, okA := size(a)
	y, okB := size(b)
	return okA && okB && x == y
}

func size(s string) (int64, bool) {
	shift := 0
	if n := len(s); n > 0 {
		if i := strings.IndexByte("kmgt", s[n-1]|0x20); i >= 0 {
			shift, s = 10*(i+1), s[:n-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n << shift, err == nil
}

// expand writes options out word by word.
func expand(options string) []string {
	var out []string
	for w := range strings.SplitSeq(options, ",") {
		if words, ok := implied[w]; ok {
			out = append(out, words...)
			continue
		}
		out = append(out, w)
	}
	return out
}

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
	words := expand(want.Options)
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
