package host

import (
	"path"
	"strings"
)

// Near is a View for who looks at many names one after the other, from one goroutine and while nothing changes the node: it holds on to the folder of the last
// names, so that what is beside them is not reached from the root again.
type Near struct {
	View
	path   string // of the last folder, with a slash at its end
	folder Folder // nil before a second name in it is asked for
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

// beside holds on to the folder of name and returns its name there, if the last name was in the same and name is clean.
func (n *Near) beside(name string) (base string, ok bool) {
	if path.Clean(name) != name || strings.ContainsRune(name, 0) {
		return "", false
	}
	dir, base := path.Split(name)
	switch {
	case base == "":
		return "", false
	case dir != n.path:
		// The first is reached by its whole name: a file server that is dead is to be noticed by what is asked of it, not by its folder alone.
		_ = n.Close()
		n.path = dir
		return "", false
	case n.folder == nil:
		n.folder = Hold(n.View, path.Clean(dir))
	}
	return base, true
}
