package host

import (
	"path"
	"strings"
)

// Near is a View for who looks at many names one after the other, from one goroutine and while nothing changes the node: it holds on to the folder of the last
// name, so that what is beside it is not reached from the root again.
type Near struct {
	View
	path   string // of the folder that is held, with a slash at its end
	folder Folder
}

// Lstat implements [FileReader].
func (n *Near) Lstat(name string) (Stat, error) {
	if base, ok := n.beside(name); ok {
		return n.folder.Lstat(base)
	}
	return n.View.Lstat(name)
}

// Open implements [FileReader].
func (n *Near) Open(name string) (File, error) {
	if base, ok := n.beside(name); ok {
		return n.folder.Open(base)
	}
	return n.View.Open(name)
}

// Hold implements [Holder].
func (n *Near) Hold(name string) (Folder, error) { return holding(n.View, name) }

// Close lets go of the folder.
func (n *Near) Close() error {
	if n.folder == nil {
		return nil
	}
	err := n.folder.Close()
	n.path, n.folder = "", nil
	return err
}

// beside holds on to the folder of name, and returns its name there. It is false where that folder cannot be held, or where name is not clean.
func (n *Near) beside(name string) (base string, ok bool) {
	if path.Clean(name) != name || strings.ContainsRune(name, 0) {
		return "", false
	}
	dir, base := path.Split(name)
	if base == "" || n.folder != nil && n.path == dir {
		return base, base != ""
	}
	_ = n.Close()
	folder, err := holding(n.View, path.Clean(dir))
	if err != nil {
		return "", false
	}
	n.path, n.folder = dir, folder
	return base, true
}
