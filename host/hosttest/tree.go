package hosttest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest/internal/tree"
)

// plant makes the tree below dir. Owners are set by root alone.
func plant(h *Host, entries []tree.Entry) error {
	for _, e := range entries {
		at := h.Path(e.Name)
		if err := os.MkdirAll(path.Dir(at), 0o755); err != nil {
			return err
		}
		var err error
		switch e.Kind {
		case host.Directory:
			err = os.MkdirAll(at, 0o755)
		case host.Symlink:
			err = os.Symlink(e.Target, at)
		case host.Fifo:
			err = unix.Mkfifo(at, 0o600)
		default:
			err = os.WriteFile(at, []byte(e.Content), 0o600)
		}
		if err != nil {
			return err
		}
	}
	for _, e := range slices.Backward(entries) { // a folder's mode may shut us out of it
		if err := own(h, e); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return nil
}

func own(h *Host, e tree.Entry) error {
	at := h.Path(e.Name)
	if os.Geteuid() == 0 {
		u, err := h.LookupUser(context.Background(), e.User)
		if err != nil {
			return err
		}
		g, err := h.LookupGroup(context.Background(), e.Group)
		if err != nil {
			return err
		}
		if err := os.Lchown(at, int(u.UID), int(g.GID)); err != nil {
			return err
		}
	}
	if e.Kind == host.Symlink {
		return nil
	}
	return unix.Chmod(at, e.Mode)
}

// Snapshot is the tree as text, in the form that [New] takes, sorted by name. Owners have the names of etc/passwd and etc/group.
func (h *Host) Snapshot() string {
	h.t.Helper()
	var b strings.Builder
	h.each("/", func(name string, st host.Stat) {
		fmt.Fprintf(&b, "-- %s --\n", h.entry(name, st))
		if st.Kind == host.Regular {
			content := h.Content(name)
			b.WriteString(content)
			if content != "" && !strings.HasSuffix(content, "\n") {
				b.WriteString("\n")
			}
		}
	})
	return b.String()
}

// Stamps tells of every file which inode it is and when it was last written: equal before and after, nothing was touched.
func (h *Host) Stamps() map[string]string {
	h.t.Helper()
	all := map[string]string{}
	h.each("/", func(name string, st host.Stat) {
		all[name] = fmt.Sprintf("inode %d, written %s, status changed %s", st.Ino, st.ModTime, h.changed(name))
	})
	return all
}

func (h *Host) changed(name string) string {
	var st unix.Stat_t
	if err := unix.Lstat(h.Path(name), &st); err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprint(st.Ctim)
}

// Content is what is in the file.
func (h *Host) Content(name string) string {
	h.t.Helper()
	f, err := h.Node.Open(name)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// each visits all below dir in lexical order.
func (h *Host) each(dir string, visit func(name string, st host.Stat)) {
	h.t.Helper()
	for n, err := range h.Node.ReadDir(dir) {
		if err != nil {
			h.t.Fatal(err)
		}
		name := path.Join(dir, n)
		st, err := h.Node.Lstat(name)
		if err != nil {
			h.t.Fatal(err)
		}
		visit(name, st)
		if st.Kind == host.Directory {
			h.each(name, visit)
		}
	}
}

// entry is what is at name, as an entry of the tree without content.
func (h *Host) entry(name string, st host.Stat) tree.Entry {
	e := tree.Entry{Name: name, Kind: st.Kind, Mode: st.Mode}
	e.User, e.Group = h.owner(st.UID, st.GID)
	if st.Kind == host.Symlink {
		var err error
		if e.Target, err = h.Node.Readlink(name); err != nil {
			h.t.Fatal(err)
		}
	}
	return e
}

func (h *Host) owner(uid, gid uint32) (user, group string) {
	if os.Geteuid() != 0 && uid == uint32(os.Geteuid()) {
		return "root", "root"
	}
	user, group = strconv.Itoa(int(uid)), strconv.Itoa(int(gid))
	if u, err := h.LookupUser(context.Background(), user); err == nil {
		user = u.Name
	}
	if g, err := h.LookupGroup(context.Background(), group); err == nil {
		group = g.Name
	}
	return user, group
}
