package trace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// State is what an overlay's upper layer held at one moment.
type State struct {
	entries map[string]entry // by absolute name
}

// entry is a name in an upper layer. Two that are equal are the same, untouched thing.
type entry struct {
	absent         bool // a whiteout: the name is hidden
	mode, uid, gid uint32
	ino            uint64
	rdev           uint64
	size           int64
	mtime, ctime   unix.Timespec
	target         string
}

// folder is every folder: what else is known of one changes with what is in it.
var folder = entry{mode: unix.S_IFDIR}

// Snapshot looks at all names in an overlay's upper layer, and at no content. It needs no capability: whiteouts are known as devices, which is how the kernel
// makes them. The lower layers are not looked at, so that a folder of which they have more is not told from one that is new.
func Snapshot(upper string) (State, error) {
	l := layer{upper: filepath.Clean(upper), entries: map[string]entry{}}
	if err := l.folder(""); err != nil {
		return State{}, fmt.Errorf("trace: snapshot: %w", err)
	}
	return State{l.entries}, nil
}

// Changed lists the names that were created, changed or removed between two snapshots of a layer: absolute as the layer's root were "/", sorted. Of what the
// removal of a folder hides in lower layers the folder is named; one that is there is not listed.
func Changed(before, after State) []string {
	var changed []string
	for name, now := range after.entries {
		if was, known := before.entries[name]; now != folder && (!known || was != now) {
			changed = append(changed, name)
		}
	}
	for name, was := range before.entries {
		if _, still := after.entries[name]; !still && !was.absent {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

// layer is a snapshot in the making.
type layer struct {
	upper   string
	entries map[string]entry
}

// folder adds what is in the folder of this name.
func (l *layer) folder(name string) error {
	names, err := os.ReadDir(l.upper + name)
	if err != nil {
		return err
	}
	for _, d := range names {
		// A program that goes on running may remove what was just listed.
		if err := l.add(name + "/" + d.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (l *layer) add(name string) error {
	path := l.upper + name
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	e := entry{mode: st.Mode, uid: st.Uid, gid: st.Gid, ino: st.Ino, rdev: st.Rdev, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		l.entries[name] = folder
		return l.folder(name)
	case kind == unix.S_IFCHR && st.Rdev == 0:
		e = entry{absent: true}
	case kind == unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		e.target = target
	}
	l.entries[name] = e
	return nil
}
