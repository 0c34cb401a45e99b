package content

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/nearest"
)

// Source is the one of several sources that is taken.
type Source struct {
	Body   Body   // of a file, or of an address
	Folder string // links followed: what is to be copied is in it
	Note   string // what is strange about it
}

// Choose takes the first of sources that exists; found is false if none does. An address is taken to exist until it is asked. Kind is what is declared, a
// [host.Regular] or a [host.Directory]; tree says that what is in a folder is to be copied.
func Choose(v host.View, sources []string, sum Checksum, kind host.Kind, tree bool) (s Source, found bool, _ error) {
	for i, source := range sources {
		if IsRemote(source) {
			s.Body = Body{Attr: "source", URLs: sources[i:], Sum: sum}
			return s, true, nil
		}
		name, st, file, err := find(v, path.Clean(LocalPath(source)))
		if err != nil {
			return s, false, err
		}
		if file != nil && kind != host.Regular {
			_ = file.Close()
		}
		switch {
		case st.Kind == host.Absent:
			continue
		case st.Kind == host.Directory && kind == host.Directory:
			s.Folder = name
		case st.Kind == host.Regular && kind == host.Regular:
			s.Body = Body{Attr: "source", Path: name, Size: st.Size, File: file, Sum: sum}
		case st.Kind == host.Regular && !tree:
			s.Note = source + " is a file and ensure is directory: nothing is copied"
		case st.Kind == host.Directory:
			return s, false, fmt.Errorf("%s is a directory: it needs ensure = \"directory\" and recurse = true", source)
		default:
			return s, false, fmt.Errorf("%s is a %s and cannot be copied", source, st.Kind)
		}
		return s, true, nil
	}
	return s, false, nil
}

// find is [host.Resolve] of what is likely to be read: a regular file at name itself is open.
func find(v host.View, name string) (string, host.Stat, host.File, error) {
	file, err := v.Open(name)
	var other *host.NotFileError
	switch {
	case err == nil:
		return name, file.Stat(), file, nil
	case errors.As(err, &other) && other.Stat.Kind != host.Symlink:
		return name, other.Stat, nil, nil
	}
	name, st, err := host.Resolve(v, name)
	return name, st, nil, err
}

const lookedAt = 1000 // names of a folder, in search of one that was meant

// None says that none of the sources exists, and what may be meant.
func None(v host.View, sources []string) error {
	if len(sources) > 1 {
		return fmt.Errorf("none of the sources exists: %s", strings.Join(sources, ", "))
	}
	name := path.Clean(LocalPath(sources[0]))
	if to, err := v.Readlink(name); err == nil {
		return fmt.Errorf("%s: is a link to %s, which does not exist", name, to)
	}
	var names []string
	for entry, err := range v.ReadDir(path.Dir(name)) {
		if err != nil || len(names) == lookedAt {
			break
		}
		names = append(names, entry)
	}
	if near := nearest.Of(path.Base(name), names); near != "" {
		return fmt.Errorf("%s: does not exist; did you mean `%s`?", name, path.Join(path.Dir(name), near))
	}
	return fmt.Errorf("%s: does not exist", name)
}
