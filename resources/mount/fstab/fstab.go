// Package fstab reads and edits /etc/fstab. What is not edited keeps its bytes, comments and order included.
package fstab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host/octal"
)

// Entry is one file system of the table.
type Entry struct {
	Device  string // as written: a path, UUID=, LABEL=, host:/path
	Path    string // mount point
	FSType  string
	Options string // comma-separated
	Dump    int
	Pass    int
}

// Table is the content of the file, line by line.
type Table struct {
	lines []string // with their line ends
}

// Parse takes the content of an fstab. Anything is accepted: what is no entry is kept as it is.
func Parse(content string) *Table {
	t := &Table{}
	for line := range strings.Lines(content) {
		t.lines = append(t.lines, line)
	}
	return t
}

// String is the content of the file.
func (t *Table) String() string { return strings.Join(t.lines, "") }

// DuplicateError says that two lines are about one mount point.
type DuplicateError struct {
	Path   string
	First  int // lines, counted from one
	Second int
}

// Error names both lines.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("/etc/fstab has two entries for %s, at lines %d and %d; remove one of them", e.Path, e.First, e.Second)
}

// Find returns the entry of a mount point, nil if there is none. Two are an error.
func (t *Table) Find(path string) (*Entry, error) {
	at, err := t.at(path)
	if err != nil || at < 0 {
		return nil, err
	}
	e, _ := parseLine(t.lines[at])
	return &e, nil
}

func (t *Table) at(path string) (int, error) {
	found := -1
	for i, line := range t.lines {
		e, ok := parseLine(line)
		if !ok || clean(e.Path) != clean(path) {
			continue
		}
		if found >= 0 {
			return -1, &DuplicateError{Path: path, First: found + 1, Second: i + 1}
		}
		found = i
	}
	return found, nil
}

// clean takes off slashes at the end, which mean nothing.
func clean(path string) string {
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		return trimmed
	}
	return path
}

// parseLine reads one line; ok is false for comments, empty and incomplete lines. Dump and pass may be left out; what is no number there is 0, as for mount(8).
func parseLine(line string) (e Entry, ok bool) {
	f := strings.FieldsFunc(strings.TrimRight(line, "\r\n"), blank)
	if len(f) < 3 || strings.HasPrefix(f[0], "#") {
		return Entry{}, false
	}
	e = Entry{Device: octal.Unescape(f[0]), Path: octal.Unescape(f[1]), FSType: octal.Unescape(f[2]), Options: "defaults"}
	if len(f) > 3 && !strings.HasPrefix(f[3], "#") {
		e.Options = octal.Unescape(f[3])
	}
	if len(f) > 4 {
		e.Dump, _ = strconv.Atoi(f[4])
	}
	if len(f) > 5 {
		e.Pass, _ = strconv.Atoi(f[5])
	}
	return e, true
}

// blank says what fields are separated by: other white space belongs to them, as for mount(8).
func blank(r rune) bool { return r == ' ' || r == '\t' }

// Set replaces the entry of e's mount point, or adds one at the end.
func (t *Table) Set(e Entry) error {
	for _, f := range []string{e.Device, e.Path, e.FSType, e.Options} {
		if f == "" || strings.ContainsRune(f, 0) || strings.HasPrefix(f, "#") {
			return fmt.Errorf("fstab cannot hold the field %q", f)
		}
	}
	at, err := t.at(e.Path)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%d\n", octal.Escape(e.Device), octal.Escape(e.Path), octal.Escape(e.FSType), octal.Escape(e.Options), e.Dump, e.Pass)
	if at >= 0 {
		t.lines[at] = line
		return nil
	}
	if n := len(t.lines); n > 0 && !strings.HasSuffix(t.lines[n-1], "\n") {
		t.lines[n-1] += "\n"
	}
	t.lines = append(t.lines, line)
	return nil
}

// Remove takes the entry of a mount point out. It is an error if there is none.
func (t *Table) Remove(path string) error {
	at, err := t.at(path)
	if err != nil {
		return err
	}
	if at < 0 {
		return errors.New("no such entry")
	}
	t.lines = slices.Delete(t.lines, at, at+1)
	return nil
}

// Points returns the mount points of all entries, each once, in their order.
func (t *Table) Points() []string {
	var points []string
	for _, line := range t.lines {
		if e, ok := parseLine(line); ok && !slices.Contains(points, clean(e.Path)) {
			points = append(points, clean(e.Path))
		}
	}
	return points
}
