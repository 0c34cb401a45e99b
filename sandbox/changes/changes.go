// Package changes says what is different in an overlay from what is below it: kinds, modes, owners, contents, link targets and extended attributes, whatever
// the times.
package changes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// Thing is what is at a name: kind, mode, owner, and what tells its content from another's.
type Thing struct {
	Kind     string // as find(1) has it: file, directory, link, fifo, socket, device; "" for nothing
	Mode     uint32 // 0 to 07777
	UID, GID uint32
	Content  string            // the SHA-256 of a file, the target of a link, the numbers of a device
	Xattrs   map[string]string // without those of the overlay
	Replaced bool              // a folder, and what the node has in it is not there
	Text     string            // the content of a file, if it is a text, not long, and everybody may read it
}

// textSize is how long the text of a file is at most that is kept, in bytes.
const textSize = 64 << 10

// String is "file 0644 0:0 sha256:0123456789abcdef". Of what is different it is different.
func (t Thing) String() string {
	if t.Kind == "" {
		return "nothing"
	}
	s := fmt.Sprintf("%s %04o %d:%d", t.Kind, t.Mode, t.UID, t.GID)
	if t.Kind == "file" {
		s += " sha256:" + t.Content[:min(16, len(t.Content))]
	} else if t.Content != "" {
		s += " " + t.Content
	}
	for _, name := range slices.Sorted(maps.Keys(t.Xattrs)) {
		s += fmt.Sprintf(" %s=%x", name, t.Xattrs[name])
	}
	if t.Replaced {
		s += " anew"
	}
	return s
}

// Change is what is at a name other than below.
type Change struct{ Before, After Thing }

// View says what is looked at, and how.
type View struct {
	Skip    []string                              // names that are left out, with all below them
	Essence func(name string) func([]byte) []byte // what counts of a file's content, nil for every byte; may be nil
}

// In adds to all what is different at the names in an overlay's upper layer from the folder lower below it, which is mounted there too.
func In(upper, lower string, v View, all map[string]Change) error {
	w := walk{upper: upper, lower: lower, over: true, view: v, changes: all}
	return w.folder(".")
}

// walk goes through what is in an upper layer.
type walk struct {
	upper   string
	lower   string // where the layer is mounted, too
	over    bool   // what is below shows through
	view    View
	changes map[string]Change
}

func (w *walk) folder(rel string) error {
	entries, err := os.ReadDir(filepath.Join(w.upper, rel))
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := filepath.Join(rel, e.Name())
		name := filepath.Join(w.lower, at)
		if slices.ContainsFunc(w.view.Skip, func(s string) bool { return host.Within(name, s) }) {
			continue
		}
		var essence func([]byte) []byte
		if w.view.Essence != nil {
			essence = w.view.Essence(name)
		}
		after, err := look(filepath.Join(w.upper, at), essence)
		if err != nil {
			return err
		}
		var before Thing
		if w.over {
			if before, err = look(name, essence); err != nil {
				return err
			}
		}
		if after.Replaced && before.Kind != "directory" {
			after.Replaced = false
		}
		if before.String() != after.String() {
			w.changes[name] = Change{before, after}
		}
		if after.Kind == "directory" {
			below := *w
			below.over = !after.Replaced && before.Kind == "directory"
			if err := below.folder(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// look describes what is at a name of a layer. A whiteout is nothing.
func look(name string, essence func([]byte) []byte) (Thing, error) {
	var st unix.Stat_t
	err := unix.Lstat(name, &st)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return Thing{}, nil
	}
	if err != nil {
		return Thing{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	t := Thing{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		t.Kind = "file"
		t.Content, t.Text, err = content(name, &st, essence)
	case unix.S_IFDIR:
		t.Kind = "directory"
	case unix.S_IFLNK:
		t.Kind, t.Mode = "link", 0o777
		t.Content, err = os.Readlink(name)
	case unix.S_IFIFO:
		t.Kind = "fifo"
	case unix.S_IFSOCK:
		t.Kind = "socket"
	default:
		if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
			return Thing{}, nil
		}
		t.Kind, t.Content = "device", fmt.Sprintf("%c %d:%d", "cb"[st.Mode&unix.S_IFMT>>13&1], unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	if err != nil {
		return Thing{}, err
	}
	return t, t.attributes(name)
}

// content returns the hash of a file, and the text that it is.
func content(name string, st *unix.Stat_t, essence func([]byte) []byte) (sum, text string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	h := sha256.New()
	if st.Size > textSize && essence == nil {
		_, err := io.Copy(h, f)
		return hex.EncodeToString(h.Sum(nil)), "", err
	}
	all, err := io.ReadAll(f)
	if err != nil {
		return "", "", err
	}
	if essence != nil {
		h.Write(essence(all))
	} else {
		h.Write(all)
	}
	if st.Size <= textSize && st.Mode&unix.S_IROTH != 0 && utf8.Valid(all) && !bytes.Contains(all, []byte{0}) {
		text = string(all)
	}
	return hex.EncodeToString(h.Sum(nil)), text, nil
}

// attributes reads the extended attributes, and what the overlay says by its own.
func (t *Thing) attributes(name string) error {
	size, err := unix.Llistxattr(name, nil)
	if size <= 0 || err != nil {
		return unsupported(err)
	}
	list := make([]byte, size)
	if size, err = unix.Llistxattr(name, list); size <= 0 || err != nil { // an overlay counts its own first
		return unsupported(err)
	}
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(list[:size]), "\x00"), "\x00") {
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(name, attr, value)
		if err != nil {
			return &fs.PathError{Op: "getxattr " + attr, Path: name, Err: err}
		}
		switch overlay, ok := strings.CutPrefix(attr, "trusted.overlay."); {
		case overlay == "whiteout":
			*t = Thing{}
			return nil
		case overlay == "opaque" && string(value[:n]) == "y":
			t.Replaced = true
		case overlay == "redirect":
			t.Content = "from " + string(value[:n])
		case !ok:
			if t.Xattrs == nil {
				t.Xattrs = map[string]string{}
			}
			t.Xattrs[attr] = string(value[:n])
		}
	}
	return nil
}

func unsupported(err error) error {
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
