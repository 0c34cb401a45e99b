package host

import (
	"context"
	"io"
	"path"
	"strings"
)

// Holder is a FileReader that can hold on to a folder.
type Holder interface {
	// Hold returns the folder at name, held until it is closed.
	Hold(name string) (Folder, error)
}

// Folder looks at what is directly in one folder, by names without their folder. The methods are those of [FileReader].
type Folder interface {
	Lstat(base string) (Stat, error)
	Open(base string) (File, error)
	io.Closer
}

// Hold returns the folder at name for a caller that looks at much of what is in it: where r is a [Holder] it is reached once, whatever comes to be at its own name
// meanwhile. Of a folder that cannot be held each name is looked up.
func Hold(r FileReader, name string) Folder {
	if h, ok := r.(Holder); ok {
		if f, err := h.Hold(name); err == nil {
			return f
		}
	}
	return looked{r, strings.TrimSuffix(name, "/") + "/"}
}

// looked is a folder that is not held.
type looked struct {
	r    FileReader
	path string // with a slash at its end
}

func (l looked) Lstat(base string) (Stat, error) { return l.r.Lstat(l.path + base) }
func (l looked) Open(base string) (File, error)  { return l.r.Open(l.path + base) }
func (l looked) Close() error                    { return nil }

// MakeFolders makes the folder at name and those above it that are not there, with the mode that packages give theirs.
func MakeFolders(ctx context.Context, h Host, name string) error {
	st, err := h.Lstat(name)
	if err != nil || st.Kind != Absent {
		return err
	}
	if err := MakeFolders(ctx, h, path.Dir(name)); err != nil {
		return err
	}
	return h.Mkdir(ctx, name, Meta{Mode: new(uint32(0o755))})
}
