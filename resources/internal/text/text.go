// Package text reads and edits the text files of a node line by line. What is not edited keeps its bytes.
package text

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/internal/flags"
)

// File is a text file.
type File struct {
	Name  string   // where it is: links followed
	There bool     // false: nothing is at Name
	Lines []string // with their line ends, which the last may lack

	was host.Stat // the very file that was read
}

// Read reads the file at name. Nothing there is an empty File. A link there is followed only if nobody but root and the caller can have made it.
func Read(v host.FileReader, name string) (*File, error) {
	name, st, err := host.Resolve(v, name)
	if err != nil || st.Kind == host.Absent {
		return &File{Name: name}, err
	}
	return ReadHere(v, name)
}

// ReadHere is Read where a link, whoever made it, is an error.
func ReadHere(v host.FileReader, name string) (*File, error) {
	content, st, err := host.ReadRegular(v, name)
	return &File{Name: name, There: st.Kind != host.Absent, Lines: Split(content), was: st}, err
}

// Writable is an error where the file cannot be written: neither it nor a folder for it is there, or flags of chattr(1) forbid it.
func (f *File) Writable(v host.FileReader) error {
	st, err := v.Lstat(f.Name)
	switch {
	case err != nil:
		return err
	case st.Orphan:
		return fmt.Errorf("parent folder %s: does not exist", path.Dir(f.Name))
	}
	return flags.Changeable(v, st, host.Op{Kind: host.OpWrite, Name: f.Name, Absent: st.Kind == host.Absent})
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

// Write writes the file. Of a file that was there, owner, mode and attributes are kept, and it must be the one that was read; meta is for a new one.
func (f *File) Write(ctx context.Context, h host.FileWriter, meta host.Meta) error {
	new := host.NewFile{Content: strings.NewReader(f.String()), Meta: meta}
	if f.There {
		new.Meta, new.Was = host.Meta{}, &f.was
	}
	if err := h.WriteFile(ctx, f.Name, new); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}
