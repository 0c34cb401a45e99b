package host

import (
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"
)

// readLimit bounds what ReadFile takes into memory, in bytes: system files are small, and a larger one is not what its name says.
const readLimit = 64 << 20

// ReadFile returns the whole content of a regular file of the system, such as /etc/fstab, or of what a link there leads to; "" if there is none.
func ReadFile(v FileReader, name string) (string, error) {
	name, st, err := Resolve(v, name)
	if err != nil || st.Kind == Absent {
		return "", err
	}
	f, err := v.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, readLimit+1))
	if err != nil {
		return "", fmt.Errorf("%s: read: %w", name, err)
	}
	if len(b) > readLimit {
		return "", fmt.Errorf("%s: read: larger than the limit of %d bytes", name, readLimit)
	}
	return string(b), nil
}

// linkLimit is how many links Resolve follows, as the kernel does.
const linkLimit = 40

// Resolve follows links at the end of name and returns the name, and what is there: nothing perhaps.
func Resolve(v FileReader, name string) (string, Stat, error) {
	for range linkLimit {
		st, err := v.Lstat(name)
		if err != nil || st.Kind != Symlink {
			return name, st, err
		}
		target, err := v.Readlink(name)
		if err != nil {
			return name, st, err
		}
		if !strings.HasPrefix(target, "/") {
			target = path.Join(path.Dir(name), target)
		}
		name = path.Clean(target)
	}
	return name, Stat{}, fmt.Errorf("%s: %w", name, syscall.ELOOP)
}

// NotFileError is why what is no regular file was not opened, with what is there instead.
type NotFileError struct {
	Name string
	Stat Stat  // of Kind Absent where nothing is
	Err  error // the system's answer where nothing is
}

func (e *NotFileError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s is a %s, not a file", e.Name, e.Stat.Kind)
}

// Unwrap makes nothing there an fs.ErrNotExist.
func (e *NotFileError) Unwrap() error { return e.Err }
