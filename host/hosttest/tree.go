package hosttest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// entry is one file of a tree. Its line is
//
//	-- etc/motd 0644 root:root --     a file; what follows up to the next line is its content
//	-- etc/conf.d/ 0755 --            a folder
//	-- var/run -> /run --             a link
//	-- run/pipe| 0600 --              a named pipe
//
// Mode and owner may be left out: 0644 or, for folders, 0755, and root:root. A name with blanks or worse is quoted as in Go.
type entry struct {
	name        string // "/" before it
	kind        host.Kind
	mode        uint32
	user, group string
	target      string
	content     string
}

func parseTree(tree string) ([]entry, error) {
	var all []entry
	for _, f := range txtar.Parse([]byte(tree)).Files {
		e, err := parseEntry(f.Name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f.Name, err)
		}
		e.content = string(f.Data)
		if e.kind != host.Regular && e.content != "" {
			return nil, fmt.Errorf("%q: content of what is no file", f.Name)
		}
		all = append(all, e)
	}
	return all, nil
}

func parseEntry(line string) (entry, error) {
	e := entry{kind: host.Regular, mode: 0o644, user: "root", group: "root"}
	name, rest, err := word(line)
	if err != nil {
		return e, err
	}
	switch {
	case strings.HasPrefix(rest, "-> "):
		e.kind, e.mode = host.Symlink, 0o777
		if e.target, rest, err = word(rest[3:]); err != nil {
			return e, err
		}
	case strings.HasSuffix(name, "/"):
		e.kind, e.mode = host.Directory, 0o755
	case strings.HasSuffix(name, "|"):
		e.kind = host.Fifo
		name = strings.TrimSuffix(name, "|")
	}
	e.name = path.Clean("/" + name)
	for f := range strings.FieldsSeq(rest) {
		if user, group, ok := strings.Cut(f, ":"); ok {
			e.user, e.group = user, group
			continue
		}
		mode, err := strconv.ParseUint(f, 8, 12)
		if err != nil {
			return e, fmt.Errorf("%q is neither a mode nor user:group", f)
		}
		e.mode = uint32(mode)
	}
	return e, nil
}

// word cuts the first word, quoted or not, from a line.
func word(line string) (first, rest string, err error) {
	if !strings.HasPrefix(line, `"`) {
		first, rest, _ = strings.Cut(line, " ")
		return first, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", err
	}
	first, err = strconv.Unquote(quoted)
	return first, strings.TrimPrefix(line[len(quoted):], " "), err
}

// plant makes the tree below dir. Owners are set by root alone.
func plant(h *Host, entries []entry) error {
	for _, e := range entries {
		at := h.Path(e.name)
		if err := os.MkdirAll(path.Dir(at), 0o755); err != nil {
			return err
		}
		var err error
		switch e.kind {
		case host.Directory:
			err = os.MkdirAll(at, 0o755)
		case host.Symlink:
			err = os.Symlink(e.target, at)
		case host.Fifo:
			err = unix.Mkfifo(at, 0o600)
		default:
			err = os.WriteFile(at, []byte(e.content), 0o600)
		}
		if err != nil {
			return err
		}
	}
	for i := len(entries) - 1; i >= 0; i-- { // a folder's mode may shut us out of it
		if err := own(h, entries[i]); err != nil {
			return fmt.Errorf("%s: %w", entries[i].name, err)
		}
	}
	return nil
}

func own(h *Host, e entry) error {
	at := h.Path(e.name)
	if os.Geteuid() == 0 {
		u, err := h.LookupUser(context.Background(), e.user)
		if err != nil {
			return err
		}
		g, err := h.LookupGroup(context.Background(), e.group)
		if err != nil {
			return err
		}
		if err := os.Lchown(at, int(u.UID), int(g.GID)); err != nil {
			return err
		}
	}
	if e.kind == host.Symlink {
		return nil
	}
	return unix.Chmod(at, e.mode)
}

// Snapshot is the tree as text, in the form that [New] takes, sorted by name. Owners have the names of etc/passwd and etc/group.
func (h *Host) Snapshot() string {
	h.t.Helper()
	var b strings.Builder
	h.each("/", func(name string, st host.Stat) {
		fmt.Fprintf(&b, "-- %s --\n", h.line(name, st))
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

// line is the line of the tree for what is at name.
func (h *Host) line(name string, st host.Stat) string {
	owner := h.ownerName(st.UID, st.GID)
	short := quoted(strings.TrimPrefix(name, "/"))
	switch st.Kind {
	case host.Directory:
		short = quoted(strings.TrimPrefix(name, "/") + "/")
	case host.Fifo:
		short = quoted(strings.TrimPrefix(name, "/") + "|")
	case host.Symlink:
		target, err := h.Node.Readlink(name)
		if err != nil {
			h.t.Fatal(err)
		}
		return fmt.Sprintf("%s -> %s %s", short, quoted(target), owner)
	}
	return fmt.Sprintf("%s %04o %s", short, st.Mode, owner)
}

func quoted(name string) string {
	q := strconv.Quote(name)
	if strings.Contains(name, " ") || q != `"`+name+`"` {
		return q
	}
	return name
}

func (h *Host) ownerName(uid, gid uint32) string {
	if os.Geteuid() != 0 && uid == uint32(os.Geteuid()) {
		return "root:root"
	}
	user, group := strconv.Itoa(int(uid)), strconv.Itoa(int(gid))
	if u, err := h.LookupUser(context.Background(), user); err == nil {
		user = u.Name
	}
	if g, err := h.LookupGroup(context.Background(), group); err == nil {
		group = g.Name
	}
	return user + ":" + group
}
