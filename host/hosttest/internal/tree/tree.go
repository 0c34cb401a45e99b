// Package tree is the text that stands for a tree of files in tests, in the form of txtar: how it is read and written.
package tree

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nodeapply/apply/host"
)

// Entry is one file of a tree. Its line is
//
//	-- etc/motd 0644 root:root --     a file; what follows up to the next line is its content
//	-- etc/conf.d/ 0755 --            a folder
//	-- var/run -> /run --             a link
//	-- run/pipe| 0600 --              a named pipe
//
// Mode and owner may be left out: 0644 or, for folders, 0755, and root:root. A name with blanks or worse is quoted as in Go.
type Entry struct {
	Name        string // "/" before it
	Kind        host.Kind
	Mode        uint32
	User, Group string
	Target      string // of a link
	Content     string // of a file
}

// Parse reads the entries of a tree.
func Parse(tree string) ([]Entry, error) {
	archive := txtar.Parse([]byte(tree))
	if len(bytes.TrimSpace(archive.Comment)) > 0 {
		return nil, fmt.Errorf("%q: text of no file: a file begins with a line -- NAME --", archive.Comment)
	}
	var all []Entry
	for _, f := range archive.Files {
		e, err := parseEntry(f.Name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f.Name, err)
		}
		e.Content = string(f.Data)
		if e.Kind != host.Regular && e.Content != "" {
			return nil, fmt.Errorf("%q: content of what is no file", f.Name)
		}
		all = append(all, e)
	}
	return all, nil
}

func parseEntry(line string) (Entry, error) {
	e := Entry{Kind: host.Regular, Mode: 0o644, User: "root", Group: "root"}
	name, rest, err := word(line)
	if err != nil {
		return e, err
	}
	switch {
	case strings.HasPrefix(rest, "-> "):
		e.Kind, e.Mode = host.Symlink, 0o777
		if e.Target, rest, err = word(rest[3:]); err != nil {
			return e, err
		}
	case strings.HasSuffix(name, "/"):
		e.Kind, e.Mode = host.Directory, 0o755
	case strings.HasSuffix(name, "|"):
		e.Kind = host.Fifo
		name = strings.TrimSuffix(name, "|")
	}
	e.Name = path.Clean("/" + name)
	for f := range strings.FieldsSeq(rest) {
		if user, group, ok := strings.Cut(f, ":"); ok {
			e.User, e.Group = user, group
			continue
		}
		mode, err := strconv.ParseUint(f, 8, 12)
		if err != nil {
			return e, fmt.Errorf("%q is neither a mode nor user:group", f)
		}
		e.Mode = uint32(mode)
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

// String is the line of the entry.
func (e Entry) String() string {
	name, owner := strings.TrimPrefix(e.Name, "/"), e.User+":"+e.Group
	switch e.Kind {
	case host.Directory:
		name += "/"
	case host.Fifo:
		name += "|"
	case host.Symlink:
		return fmt.Sprintf("%s -> %s %s", quoted(name), quoted(e.Target), owner)
	}
	return fmt.Sprintf("%s %04o %s", quoted(name), e.Mode, owner)
}

func quoted(name string) string {
	q := strconv.Quote(name)
	if strings.Contains(name, " ") || q != `"`+name+`"` {
		return q
	}
	return name
}
