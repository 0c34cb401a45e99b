// Package near is for callers that look at many names of a node one after the other: what is beside the last ones is not reached from the root again.
package near

import (
	"errors"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
)

// View holds on to the last two folders, as of files that are copied. It is for one goroutine, while nothing changes the node.
type View struct {
	host.View
	folders [2]nearby
	latest  int // which of them has the last name
}

// nearby is a folder of names that were asked for.
type nearby struct {
	path   string      // with a slash at its end
	folder host.Folder // nil before a second name in it is asked for
}

// Lstat implements [host.FileReader].
func (n *View) Lstat(name string) (host.Stat, error) {
	if f, base := n.beside(name); f != nil {
		return f.Lstat(base)
	}
	return n.View.Lstat(name)
}

// Open implements [host.FileReader].
func (n *View) Open(name string) (host.File, error) {
	if f, base := n.beside(name); f != nil {
		return f.Open(base)
	}
	return n.View.Open(name)
}

// Hold implements [host.Holder].
func (n *View) Hold(name string) (host.Folder, error) { return host.Hold(n.View, name), nil }

// Close lets go of the folders.
func (n *View) Close() error {
	return errors.Join(n.folders[0].close(), n.folders[1].close())
}

// beside holds on to the folder of name and returns it with the name there, if another name in it was among the last and name is clean.
func (n *View) beside(name string) (f host.Folder, base string) {
	if path.Clean(name) != name || strings.ContainsRune(name, 0) {
		return nil, ""
	}
	dir, base := path.Split(name)
	if base == "" {
		return nil, ""
	}
	if n.folders[n.latest].path != dir {
		n.latest = 1 - n.latest
	}
	at := &n.folders[n.latest]
	switch {
	case at.path != dir:
		// The first is reached by its whole name: a file server that is dead is to be noticed by what is asked of it, not by its folder alone.
		_ = at.close()
		at.path = dir
		return nil, ""
	case at.folder == nil:
		at.folder = host.Hold(n.View, path.Clean(dir))
	}
	return at.folder, base
}

// close lets go of the folder.
func (b *nearby) close() (err error) {
	if b.folder != nil {
		err = b.folder.Close()
	}
	*b = nearby{}
	return err
}
