package trace

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// State is what an overlay's upper layer held at one moment.
type State struct {
	entries map[string]entry // by absolute name
}

// entry is a name in an upper layer. Two that are equal are the same, untouched thing.
type entry struct {
	absent bool // a whiteout: the name is hidden
	meta
	ino          uint64
	rdev         uint64
	size         int64 // what follows is empty for a folder, where it tells only that something was made or removed in it
	mtime, ctime unix.Timespec
	target       string
	below        meta // what the folder was before it came into this layer; empty for all that is no copied-up folder
}

// meta is the kind and mode of a name, as in stat(2), and who owns it.
type meta struct {
	mode, uid, gid uint32
}

func (m meta) folder() bool { return m.mode&unix.S_IFMT == unix.S_IFDIR }

// Snapshot looks at all names in an overlay's upper layer, and at no content. lower are the layers beneath, the topmost first; they tell which names are
// gone below a folder that was removed or replaced, and which mode a folder had.
//
// The overlay's own marks are extended attributes that only CAP_SYS_ADMIN can read. Without it, a folder of a lower layer that was removed and made again
// passes for untouched, and whiteouts are known as devices only, which is how the kernel makes them. The overlay must be mounted with redirect_dir=off.
func Snapshot(upper string, lower ...string) (State, error) {
	l := layer{upper: filepath.Clean(upper), entries: map[string]entry{}}
	for _, dir := range lower {
		l.lower = append(l.lower, strings.TrimSuffix(filepath.Clean(dir), "/")) // names begin with one
	}
	if err := l.folder("", false); err != nil {
		return State{}, fmt.Errorf("trace: snapshot: %w", err)
	}
	return State{l.entries}, nil
}

// Changed lists the names that were created, changed or removed between two snapshots of a layer: absolute as the layer's root were "/", sorted. A folder
// in which something was made or removed has not changed itself.
func Changed(before, after State) []string {
	changed := map[string]bool{}
	for name, now := range after.entries {
		was, known := before.entries[name]
		switch {
		case known:
			changed[name] = was != now
		case now.below != meta{}:
			changed[name] = now.meta != now.below // copied up, at least for what was made in it
		default:
			changed[name] = true
		}
	}
	for name, was := range before.entries {
		if _, still := after.entries[name]; !still {
			changed[name] = !was.absent
		}
	}
	maps.DeleteFunc(changed, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(changed))
}

// layer is a snapshot in the making.
type layer struct {
	upper   string
	lower   []string
	entries map[string]entry
}

// folder adds what is in the folder of this name. pure: nothing of a lower layer shows through.
func (l *layer) folder(name string, pure bool) error {
	names, err := os.ReadDir(l.upper + name)
	if err != nil {
		return err
	}
	for _, d := range names {
		// A program that goes on running may remove what was just listed.
		if err := l.add(name+"/"+d.Name(), pure); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (l *layer) add(name string, pure bool) error {
	path := l.upper + name
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	e := entry{meta: meta{st.Mode, st.Uid, st.Gid}, ino: st.Ino, rdev: st.Rdev}
	if e.folder() {
		e.below = l.below(name, e.meta, pure)
		merged := e.below != meta{}
		if !merged && !pure {
			l.hide(name)
		}
		l.entries[name] = e
		return l.folder(name, !merged)
	}
	if !pure {
		l.hide(name)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		if st.Rdev == 0 {
			e = entry{absent: true}
		}
	case unix.S_IFREG:
		if st.Size == 0 && marked(path, "whiteout") {
			e = entry{absent: true}
		}
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		e.target = target
	}
	if !e.absent {
		e.size, e.mtime, e.ctime = st.Size, st.Mtim, st.Ctim
	}
	l.entries[name] = e
	return nil
}

// below returns what a folder was in the lower layers that show through it, empty where none does; where lower is not known, it was as it is now.
func (l *layer) below(name string, now meta, pure bool) meta {
	path := l.upper + name
	if value, ok := overlayMark(path, "opaque"); pure || ok && value == "y" {
		return meta{}
	}
	for _, lower := range l.lower {
		var st unix.Stat_t
		if unix.Lstat(lower+name, &st) != nil {
			continue
		}
		if was := (meta{st.Mode, st.Uid, st.Gid}); was.folder() {
			return was
		}
		return meta{}
	}
	if marked(path, "origin") {
		return now
	}
	return meta{}
}

// hide adds the names that lower layers have below a name through which they do not show: they are gone.
func (l *layer) hide(name string) {
	for _, lower := range l.lower {
		_ = filepath.WalkDir(lower+name, func(path string, _ fs.DirEntry, err error) error {
			if err == nil { // else not in this layer, or not readable: then it is not known
				l.entries[path[len(lower):]] = entry{absent: true} // what the upper layer has there comes later and wins
			}
			return nil
		})
	}
}

// overlayMark returns a mark that an overlay made at a name in its layer.
func overlayMark(path, mark string) (string, bool) {
	var value [256]byte
	n, err := unix.Lgetxattr(path, "trusted.overlay."+mark, value[:])
	if err != nil {
		return "", false
	}
	return string(value[:n]), true
}

func marked(path, mark string) bool {
	_, ok := overlayMark(path, mark)
	return ok
}
