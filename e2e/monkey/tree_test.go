package monkey

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// thing is what is at a name before anything is run.
type thing struct {
	path string // below the tree
	kind string // "file", "folder", "link"
	text string // content, or where a link leads
	mode uint32
}

func (t thing) String() string { return fmt.Sprintf("%s %s %04o %q", t.kind, t.path, t.mode, t.text) }

func (t thing) put(tree string) error {
	name := filepath.Join(tree, t.path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	var err error
	switch t.kind {
	case "folder":
		err = os.MkdirAll(name, 0o755)
	case "link":
		return os.Symlink(t.text, name)
	default:
		err = os.WriteFile(name, []byte(t.text), 0o600)
	}
	return errors.Join(err, unix.Chmod(name, t.mode))
}

// look lists a tree: by their names, what is at each. An exact listing has what every write changes too: inodes and times.
func look(tree string, exact bool) (map[string]string, error) {
	seen := map[string]string{}
	err := filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		what := fmt.Sprintf("%v %04o %d:%d", d.Type(), st.Mode&0o7777, st.Uid, st.Gid)
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(name)
			if err != nil {
				return err
			}
			what = "-> " + to
		} else if d.Type().IsRegular() {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %q", b)
		}
		if exact {
			what += fmt.Sprint(" ", st.Ino, st.Nlink, st.Size, st.Mtim, st.Ctim)
		}
		rel, err := filepath.Rel(tree, name)
		seen[rel] = what
		return err
	})
	return seen, err
}

// differences says what is not the same in two listings, a line for each name.
func differences(was, is map[string]string) []string {
	var all []string
	for name, w := range was {
		if i, ok := is[name]; !ok {
			all = append(all, fmt.Sprintf("%s: was %s, is gone", name, w))
		} else if i != w {
			all = append(all, fmt.Sprintf("%s: was %s, is %s", name, w, i))
		}
	}
	for name, i := range is {
		if _, ok := was[name]; !ok {
			all = append(all, fmt.Sprintf("%s: is new, %s", name, i))
		}
	}
	slices.Sort(all)
	return all
}

// sorted has the lines of shared files in an order: what several resources of one file append comes in the order in which they are done.
func sorted(listing map[string]string, shared map[string]bool) map[string]string {
	out := map[string]string{}
	for name, what := range listing {
		if shared[name] {
			head, text, _ := strings.Cut(what, `"`)
			lines := strings.Split(strings.TrimSuffix(strings.TrimSuffix(text, `"`), `\n`), `\n`)
			slices.Sort(lines)
			what = head + strings.Join(lines, "|")
		}
		out[name] = what
	}
	return out
}

// clear empties a folder.
func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, syscall.ENOENT) {
		return os.MkdirAll(dir, 0o755)
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
