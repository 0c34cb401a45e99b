package live

import (
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/mount/internal/options"
)

// Past is a live mount as it was, with what it takes to have it again. Its JSON is kept for undo, and says nothing that another boot gives anew.
type Past struct {
	host.Mount          // its source is not the loop device, which may go with the mount and has another number the next time, but the file behind it
	File       string   // that file, "" without a loop device
	Part       []string // options that say which part of the file it is: offset=, sizelimit=
	From       string   // the folder that was bound, if it was a part of a file system or one in memory alone, or Deep
	Deep       bool     `json:",omitempty"` // with what is mounted inside
}

// Remember describes mounts before they are taken off, deep or not, as by [Unmount].
func Remember(ctx context.Context, v host.View, mounts []host.Mount, deep bool) ([]Past, error) {
	all, err := v.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	pasts := make([]Past, len(mounts))
	for i, l := range mounts {
		pasts[i].Mount = l
		pasts[i].ID, pasts[i].Parent, pasts[i].Dev = 0, 0, "" // which another boot, and mounting the same again, give anew
		if file := backing(v, l.Source); file != "" {
			pasts[i].Source, pasts[i].File, pasts[i].Part = file, file, part(v, l.Source)
		}
		if l.Root != "/" || memory(l) || deep {
			pasts[i].From = boundFrom(all, l)
			pasts[i].Deep = deep
		}
	}
	return pasts, nil
}

func memory(l host.Mount) bool { return l.FSType == "tmpfs" || l.FSType == "ramfs" }

// Loses says whether the last that is seen of what is in memory alone goes with a mount.
func Loses(all []host.Mount, l host.Mount) bool { return memory(l) && boundFrom(all, l) == "" }

// boundFrom is where else the folder of a bind mount is seen, "" if nowhere.
func boundFrom(all []host.Mount, l host.Mount) string {
	for name := range elsewhere(all, l) {
		return name
	}
	return ""
}

// elsewhere yields where else the folder is seen that is mounted.
func elsewhere(all []host.Mount, l host.Mount) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, other := range all {
			rest, below := strings.CutPrefix(l.Root, strings.TrimSuffix(other.Root, "/"))
			if below && other.ID != l.ID && other.Dev == l.Dev && other.Source == l.Source && other.FSType == l.FSType && (rest == "" || rest[0] == '/') {
				if !yield(path.Join(other.Point, rest)) {
					return
				}
			}
		}
	}
}

// handedOn lists what the kernel has mounted inside a mount because it was mounted in the same folder elsewhere, where it stays; the innermost first. It is
// nothing where there is anything else inside too.
func handedOn(all []host.Mount, top host.Mount) []string {
	var points []string
	for _, in := range slices.Backward(all) {
		below, ok := strings.CutPrefix(in.Point, top.Point+"/")
		if !ok {
			continue
		}
		handed := false
		for name := range elsewhere(all, top) {
			point := path.Join(name, below)
			handed = handed || slices.ContainsFunc(all, func(m host.Mount) bool {
				return m.Point == point && m.Dev == in.Dev && m.Root == in.Root && m.ID != in.ID
			})
		}
		if !handed {
			return nil
		}
		points = append(points, in.Point)
	}
	return points
}

// PutBack has those mounts on a mount point again, without fstab, and nothing else. Where the one on top differs in its options alone it is remounted.
// What is there goes deep or not, as by [Unmount].
func PutBack(ctx context.Context, h host.Host, point string, pasts []Past, deep bool) error {
	stack, err := At(ctx, h, point)
	if err != nil {
		return err
	}
	present, err := Remember(ctx, h, stack, deep)
	if err != nil {
		return err
	}
	if len(present) > 0 && len(pasts) > 0 {
		now, was := present[len(present)-1], pasts[len(pasts)-1]
		if was.is(now) {
			alone := was.Root != "/" || slices.Equal(now.SuperOptions, was.SuperOptions)
			if alone && slices.Equal(now.Options, was.Options) {
				return nil
			}
			return Run(ctx, h, "mount", "-o", strings.Join(was.remount(alone), ","), "--", point)
		}
	}
	if err := Unmount(ctx, h, point, deep); err != nil {
		return err
	}
	for _, was := range pasts {
		if err := was.Restore(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// Restore mounts it again, without fstab.
func (p Past) Restore(ctx context.Context, h host.Host) error {
	switch {
	case p.Root != "/" && p.From == "":
		return fmt.Errorf("%s was a part (%s) of a file system that is mounted nowhere else", p.Point, p.Root)
	case p.From != "":
		how := "--bind"
		if p.Deep {
			how = "--rbind"
		}
		if err := Run(ctx, h, "mount", how, "--", p.From, p.Point); err != nil {
			return err
		}
		return Run(ctx, h, "mount", "-o", strings.Join(p.remount(true), ","), "--", p.Point)
	}
	plain := p.flags()
	if p.File != "" {
		plain = append(append(plain, "loop"), p.Part...)
	}
	mount := func(words []string) error {
		return Run(ctx, h, "mount", "-t", strings.TrimPrefix(p.FSType, "fuse."), "-o", strings.Join(words, ","), "--", p.Source, p.Point)
	}
	all := append(p.own(), plain...) // of those that exclude each other the last one counts
	err := mount(all)
	if err != nil && len(all) > len(plain) { // the kernel shows some that it does not take
		err = mount(plain)
	}
	return err
}

// remount is the options by which a remount gives what is mounted there the options that it had, whatever it has now and fstab says: those of the mount
// alone, or those of the file system too, which all its mounts have.
func (p Past) remount(alone bool) []string {
	words := p.flags()
	if p.FSType == "tmpfs" && !alone {
		words = append(p.own(), words...)
	}
	how := []string{"remount", "atime", "diratime"} // without these two mount(8) adds what is there now, and the kernel chooses
	switch {
	case alone:
		how = append(how, "bind")
	case slices.Contains(p.SuperOptions, "sync"):
		how = append(how, "sync")
	default:
		how = append(how, "async")
	}
	return append(how, options.Remount(strings.Join(words, ","), host.Mount{})...)
}

// flags are the options of the mount.
func (p Past) flags() []string {
	words := slices.Clone(p.Options)
	if !slices.ContainsFunc(p.Options, func(o string) bool { return strings.HasSuffix(o, "atime") && o != "nodiratime" }) {
		words = append(words, "strictatime") // which the kernel does not show
	}
	return words
}

// own are the options of the file system, where it is this node's: those that a server or a program gives are theirs.
func (p Past) own() []string {
	if p.FSType != "tmpfs" && (!strings.HasPrefix(p.Source, "/") || strings.HasPrefix(p.FSType, "fuse")) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.SuperOptions), func(o string) bool { return o == "seclabel" }) // which says that there is SELinux
}

// is says whether two mounts are the same, but for their options.
func (p Past) is(now Past) bool {
	return now.Source == p.Source && slices.Equal(now.Part, p.Part) && now.FSType == p.FSType && now.Root == p.Root && now.From == p.From
}
