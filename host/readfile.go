package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// readLimit bounds what ReadFile takes into memory, in bytes: system files are small, and a larger one is not what its name says.
const readLimit = 64 << 20

// ReadFile returns the whole content of a regular file of the system, such as /etc/fstab, or of what a link there leads to; "" if there is none.
func ReadFile(v FileReader, name string) (string, error) {
	real, st, err := Resolve(v, name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if st.Kind == Absent {
		return "", nil
	}
	content, _, err := ReadRegular(v, real)
	return content, err
}

// ReadDir returns the names in a folder of the system, such as /etc/apt/sources.list.d, or in one that a link there leads to, in lexical order; none if there
// is no folder.
func ReadDir(v FileReader, name string) ([]string, error) {
	real, st, err := Resolve(v, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if st.Kind != Directory {
		return nil, nil
	}
	var names []string
	for base, err := range v.ReadDir(real) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		names = append(names, base)
	}
	return names, nil
}

// ReadRegular returns the whole content of the regular file at name itself, and what that very file is. Nothing there is Absent and no error.
func ReadRegular(v FileReader, name string) (string, Stat, error) {
	f, err := v.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", Stat{}, nil
	}
	var other *NotFileError
	switch {
	case errors.As(err, &other): // which has the name
		return "", Stat{}, err
	case err != nil:
		return "", Stat{}, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, readLimit+1))
	if err != nil {
		return "", Stat{}, fmt.Errorf("%s: read: %w", name, err)
	}
	if len(b) > readLimit {
		return "", Stat{}, fmt.Errorf("%s: read: larger than the limit of %d bytes", name, readLimit)
	}
	return string(b), f.Stat(), nil
}

// NotFileError is why what is no regular file was not opened, with what is there instead.
type NotFileError struct {
	Name string
	Stat Stat  // of Kind Absent where nothing is
	Err  error // the system's answer where nothing is
}

// Error is "NAME is a pipe, not a file", or the system's answer where nothing is.
func (e *NotFileError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s is a %s, not a file", e.Name, e.Stat.Kind)
}

// Unwrap makes nothing there an fs.ErrNotExist.
func (e *NotFileError) Unwrap() error { return e.Err }
