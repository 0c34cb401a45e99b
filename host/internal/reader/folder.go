package reader

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/beneath"
)

var _ host.Holder = (*Reader)(nil)

// Hold implements [host.Holder].
func (r *Reader) Hold(name string) (host.Folder, error) {
	name, err := beneath.Clean(name)
	if err != nil {
		return nil, err
	}
	dir, err := r.root.Folder(name)
	if err != nil {
		return nil, r.Failed("open", err)
	}
	return &folder{r, dir, strings.TrimSuffix(name, "/") + "/"}, nil
}

// folder is one that is held by its descriptor.
type folder struct {
	r    *Reader
	fd   int
	path string // with a slash at its end
}

// Lstat implements [host.Folder].
func (f *folder) Lstat(base string) (host.Stat, error) {
	if err := f.r.root.Answer(f.path + base); err != nil {
		return host.Stat{}, f.r.Failed("stat", err)
	}
	st, err := f.r.lstatAt(f.fd, base, f.path+base)
	return st, f.r.Failed("stat", err)
}

// Open implements [host.Folder].
func (f *folder) Open(base string) (host.File, error) {
	name := f.path + base
	if err := f.r.root.Answer(name); err != nil {
		return nil, f.r.Failed("open", err)
	}
	file, err := f.r.openAt(f.fd, base, name)
	if err != nil {
		return nil, f.r.Failed("open", err)
	}
	return file, nil
}

// Close implements [host.Folder].
func (f *folder) Close() error { return unix.Close(f.fd) }
