// Package text reads and edits the text files of a node line by line. What is not edited keeps its bytes.
package text

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/nodeapply/apply/host"
)

// File is a text file.
type File struct {
	Name  string   // where it is: links followed
	There bool     // false: nothing is at Name
	Lines []string // with their line ends, which the last may lack
}

// linkLimit is how many links Read follows, as the kernel does.
const linkLimit = 40

// Read reads the file at name. Nothing there is an empty File. A link there is followed only if nobody but root and the caller can have made it.
func Read(v host.FileReader, name string) (*File, error) {
	for range linkLimit {
		st, err := v.Lstat(name)
		if err != nil {
			return nil, err
		}
		if st.Kind != host.Symlink {
			content, err := host.ReadFile(v, name)
			return &File{Name: name, There: st.Kind != host.Absent, Lines: Split(content)}, err
		}
		if name, err = follow(v, name, st); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: %w", name, syscall.ELOOP)
}

// follow returns what the link at name points to: what is written there is written as root, so the link must not be somebody else's.
func follow(v host.FileReader, name string, st host.Stat) (string, error) {
	folder, err := v.Lstat(path.Dir(name))
	if err != nil {
		return "", err
	}
	for _, owner := range []uint32{st.UID, folder.UID} {
		if owner != 0 && owner != uint32(os.Geteuid()) {
			return "", fmt.Errorf("%s: refused: a link that its owner (%d) may have planted", name, owner)
		}
	}
	if folder.Kind == host.Directory && folder.Mode&0o022 != 0 {
		return "", fmt.Errorf("%s: refused: a link in a folder that others can write", name)
	}
	target, err := v.Readlink(name)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(target, "/") {
		target = path.Join(path.Dir(name), target)
	}
	return path.Clean(target), nil
}

// Split cuts content into lines with their ends.
func Split(content string) []string { return slices.Collect(strings.Lines(content)) }

// String is the content.
func (f *File) String() string { return strings.Join(f.Lines, "") }

// Body is a line without its end, LF or CRLF.
func Body(line string) string { return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r") }

// end is how the file's lines end.
func (f *File) end() string {
	if len(f.Lines) > 0 && strings.HasSuffix(f.Lines[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// Insert puts lines, given without their ends, before the line at index i; at len(f.Lines) they come last.
func (f *File) Insert(i int, bodies ...string) {
	if n := len(f.Lines); i == n && n > 0 && !strings.HasSuffix(f.Lines[n-1], "\n") && len(bodies) > 0 {
		f.Lines[n-1] += f.end()
	}
	lines := make([]string, len(bodies))
	for n, b := range bodies {
		lines[n] = b + f.end()
	}
	f.Lines = slices.Insert(f.Lines, i, lines...)
}

// Replace gives the line at index i another body; its end stays.
func (f *File) Replace(i int, body string) {
	f.Lines[i] = body + strings.TrimPrefix(f.Lines[i], Body(f.Lines[i]))
}

// Remove takes out the lines for which drop, called with index and body, says so.
func (f *File) Remove(drop func(i int, body string) bool) {
	kept := f.Lines[:0:0]
	for i, l := range f.Lines {
		if !drop(i, Body(l)) {
			kept = append(kept, l)
		}
	}
	f.Lines = kept
}

// Write writes the file. Of a file that was there, owner, mode and attributes are kept; meta is for a new one.
func (f *File) Write(ctx context.Context, h host.FileWriter, meta host.Meta) error {
	if f.There {
		meta = host.Meta{}
	}
	if err := h.WriteFile(ctx, f.Name, host.NewFile{Content: strings.NewReader(f.String()), Meta: meta}); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}
