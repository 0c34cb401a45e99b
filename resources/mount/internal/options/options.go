// Package options compares the mount options that are declared, words separated by commas as in fstab, with those of a live mount as the kernel shows
// them: defaults are not shown, some words stand for several, some are of user space alone.
package options

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
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
var shown = []string{"discard", "nobarrier", "nodelalloc", "noload", "usrquota", "grpquota", "prjquota", "commit", "size", "nr_inodes", "subvol", "compress", "logbufs", "logbsize", "hidepid"}

// Deep says whether the options ask for what is mounted inside, too.
func Deep(declared string) bool { return slices.Contains(words(declared), "rbind") }

// Binds says whether the options ask for a bind mount.
func Binds(declared string) bool {
	words := words(declared)
	return slices.Contains(words, "bind") || slices.Contains(words, "rbind")
}

// Lacking lists the options that the live mount should have and has not. Of a bind mount origin is the mount in which its folder is: what it has beyond
// that, and nobody declares, somebody has given it. Without an origin only what is declared is compared.
func Lacking(declared string, live, origin host.Mount) []string {
	words := words(declared)
	var out []string
	bind := Binds(declared)
	loose := bind || strings.HasPrefix(live.FSType, "fuse") // these get flags from elsewhere
	for _, f := range flags {
		w, has := wanted(words, f, loose), slices.Contains(live.Options, f.on)
		if w == "" && bind && origin.Point != "" && has && !slices.Contains(origin.Options, f.on) {
			w = f.off
		}
		if w != "" && (w == f.on) != has {
			out = append(out, w)
		}
	}
	for _, f := range superFlags {
		if w := wanted(words, f, loose); w != "" && (w == f.on) != slices.Contains(live.SuperOptions, f.on) {
			out = append(out, w)
		}
	}
	a := atime(words)
	switch {
	case a == "" && !loose:
		a = "relatime"
	case a == "" && bind && origin.Point != "" && liveAtime(live) == "noatime":
		a = liveAtime(origin)
	}
	if a != "" && a != liveAtime(live) {
		out = append(out, a)
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
	last := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		last[k] = v
	}
	var out []string
	for _, w := range words {
		k, v, valued := strings.Cut(w, "=")
		if strings.HasPrefix(k, "x-") || k == "comment" || v != last[k] { // of two the kernel takes the last
			continue
		}
		got, there := has[k]
		switch {
		case there && valued && !sameValue(k, v, got):
			out = append(out, w)
		case !there && slices.Contains(shown, k) && !slices.Contains(hidden[w], live.FSType):
			out = append(out, w)
		}
	}
	return out
}

// Untried lists the options that an entry which had others now has and that the live mount cannot show, so that only mount(8) can tell whether they are
// taken. Had is "" where there was no entry.
func Untried(had, declared string, live host.Mount) []string {
	old, seen := words(had), words(strings.Join(append(slices.Clone(live.Options), live.SuperOptions...), ","))
	var out []string
	for _, w := range words(declared) {
		k, _, _ := strings.Cut(w, "=")
		same := func(o string) bool { return o == k || strings.HasPrefix(o, k+"=") }
		if w == "" || userspace(w) || slices.Contains(old, w) || flagged(w) || slices.Contains(atimes, w) || slices.ContainsFunc(seen, same) {
			continue
		}
		out = append(out, w)
	}
	return out
}

func flagged(word string) bool {
	return slices.ContainsFunc(append(slices.Clone(flags), superFlags...), func(f flag) bool { return word == f.on || word == f.off })
}

// userspace says whether mount(8) keeps an option to itself, or has done with it once there is a mount.
func userspace(word string) bool {
	k, _, _ := strings.Cut(word, "=")
	own := []string{"auto", "noauto", "nofail", "_netdev", "bind", "rbind", "loop", "nouser", "comment", "offset", "sizelimit"}
	return strings.HasPrefix(k, "x-") || strings.HasPrefix(k, "X-") || slices.Contains(own, k)
}

// hidden are options with the value that the kernel does not show, as it is the default of these types.
var hidden = map[string][]string{
	"commit=0":  {"ext3", "ext4"},
	"commit=5":  {"ext3", "ext4"},
	"commit=30": {"btrfs"},
	"hidepid=0": {"proc"}, "hidepid=off": {"proc"},
}

// hidepids are the words that the kernel shows for the numbers of proc's hidepid.
var hidepids = map[string]string{"0": "off", "1": "noaccess", "2": "invisible", "4": "ptraceable"}

// sameValue compares the values of an option, the declared one and the kernel's; sizes by their bytes (1G is 1048576k). A share of the memory cannot be
// compared.
func sameValue(key, a, b string) bool {
	switch {
	case a == b, strings.HasSuffix(a, "%"):
		return true
	case key == "hidepid":
		return hidepids[a] == b
	case key == "subvol": // from the top
		return strings.Trim(a, "/") == strings.Trim(b, "/")
	case strings.HasPrefix(key, "compress"): // with the level, where none is declared
		return strings.HasPrefix(b, a+":")
	case key == "vers": // of NFS, with the minor one
		return strings.HasPrefix(b, a+".")
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

// words returns options word by word, those that stand for several written out.
func words(declared string) []string {
	var out []string
	for w := range strings.SplitSeq(declared, ",") {
		if words, ok := implied[w]; ok {
			out = append(out, words...)
			continue
		}
		out = append(out, w)
	}
	return out
}

// Remount returns the options of a remount to what is declared, every flag said: a remount by fstab alone keeps flags that fstab does not name. A bind
// mount has those that are not declared from its origin, see [Lacking].
func Remount(declared string, origin host.Mount) []string {
	words := words(declared)
	out := []string{}
	for _, w := range words {
		if !userspace(w) {
			out = append(out, w)
		}
	}
	bind, def := Binds(declared), "relatime"
	if bind {
		def = liveAtime(origin)
	}
	for _, f := range flags[:4] {
		w := wanted(words, f, false)
		if bind && wanted(words, f, true) == "" && slices.Contains(origin.Options, f.on) {
			w = f.on
		}
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	if atime(words) == "" {
		out = append(out, def)
	}
	if bind {
		out = append(out, "bind")
	}
	return out
}
