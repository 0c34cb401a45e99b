package unitfile

import (
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Declared is a node on which files that a manifest declares are there already, as far as unit files are read there.
type Declared struct {
	host.FileReader
	Files map[string]string // contents by path
}

// Lstat implements [host.FileReader].
func (d Declared) Lstat(name string) (host.Stat, error) {
	if content, ok := d.Files[name]; ok {
		return host.Stat{Kind: host.Regular, Size: int64(len(content))}, nil
	}
	st, err := d.FileReader.Lstat(name)
	if err == nil && st.Kind == host.Absent && len(d.in(name)) > 0 {
		st = host.Stat{Kind: host.Directory}
	}
	return st, err
}

// Open implements [host.FileReader].
func (d Declared) Open(name string) (host.File, error) {
	if content, ok := d.Files[name]; ok {
		return file{strings.NewReader(content)}, nil
	}
	return d.FileReader.Open(name)
}

// ReadDir implements [host.FileReader].
func (d Declared) ReadDir(name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		there, err := host.ReadDir(d.FileReader, name)
		all := append(there, d.in(name)...)
		slices.Sort(all)
		for _, entry := range slices.Compact(all) {
			if !yield(entry, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

// in lists the declared files in a folder.
func (d Declared) in(folder string) []string {
	var names []string
	for name := range d.Files {
		if path.Dir(name) == folder {
			names = append(names, path.Base(name))
		}
	}
	return names
}

// file is a declared file that is open.
type file struct{ *strings.Reader }

func (f file) Close() error                       { return nil }
func (f file) Stat() host.Stat                    { return host.Stat{Kind: host.Regular, Size: f.Size()} }
func (f file) Xattrs() (map[string][]byte, error) { return nil, nil }
