package floor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/bench/state"
)

// buffer is how much of a file is read at once, in bytes.
const buffer = 64 << 10

// Files does the least that is to be done with the files of a state.
type Files struct {
	s     *state.State
	texts []string
	a, b  []byte
}

// NewFiles returns the Files of s.
func NewFiles(s *state.State) *Files {
	return &Files{s: s, texts: texts(s), a: make([]byte, buffer), b: make([]byte, buffer)}
}

// Check looks at each name and compares the contents, and says how many differ.
func (f *Files) Check() (differ int, err error) {
	for e := range f.s.Entries {
		same, err := f.same(e)
		if err != nil {
			return differ, err
		}
		if !same {
			differ++
		}
	}
	return differ, nil
}

func (f *Files) same(e state.Entry) (bool, error) {
	var st unix.Stat_t
	err := unix.Lstat(e.Path, &st)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil || e.Kind == state.Dir || e.Kind == state.Command {
		return err == nil, err
	}
	if e.Kind == state.Link {
		n, err := unix.Readlink(e.Path, f.a)
		return err == nil && string(f.a[:n]) == e.Target, err
	}
	if e.Source != "" {
		return f.sameFile(e, &st)
	}
	text := f.texts[e.Index]
	if int64(len(text)) != st.Size {
		return false, nil
	}
	fd, err := unix.Open(e.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOATIME, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, f.a[:len(text)+1])
	return err == nil && string(f.a[:n]) == text, err
}

func (f *Files) sameFile(e state.Entry, st *unix.Stat_t) (bool, error) {
	var from unix.Stat_t
	if err := unix.Lstat(e.Source, &from); err != nil || from.Size != st.Size {
		return false, err
	}
	fa, err := unix.Open(e.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOATIME, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fa)
	fb, err := unix.Open(e.Source, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOATIME, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fb)
	for left := st.Size; left > 0; {
		n, errA := unix.Read(fa, f.a)
		m, errB := unix.Read(fb, f.b)
		if errA != nil || errB != nil || n != m || n == 0 || string(f.a[:n]) != string(f.b[:m]) {
			return false, errors.Join(errA, errB)
		}
		left -= int64(n)
	}
	return true, nil
}

// How Make makes files durable.
type How int

// Nothing is promised; every file and folder is synced by itself; or one syncfs(2) for all files before they are renamed.
const (
	Fleeting How = iota
	EachSync
	OneSync
)

// Make makes everything, of which nothing is there: each file under another name which is then changed. With a promise, folders are synced at the end.
func (f *Files) Make(how How) error {
	var later []string
	dirs := map[string]bool{}
	if f.s.Shape == state.Folder {
		for _, d := range f.s.Dirs(f.s.Root) {
			if err := os.Mkdir(d, 0o755); err != nil {
				return err
			}
		}
	}
	for e := range f.s.Entries {
		dirs[filepath.Dir(e.Path)] = true
		if err := f.make(e, how); err != nil {
			return err
		}
		if e.Kind == state.File && how == OneSync {
			later = append(later, e.Path)
		}
	}
	if how == OneSync {
		if err := syncWith(unix.Syncfs, f.s.Root); err != nil {
			return err
		}
	}
	for _, name := range later {
		if err := os.Rename(name+temporary, name); err != nil {
			return err
		}
	}
	if how == Fleeting {
		return nil
	}
	for d := range dirs {
		if err := syncWith(unix.Fsync, d); err != nil {
			return err
		}
	}
	return nil
}

const temporary = ".new"

func (f *Files) make(e state.Entry, how How) error {
	switch e.Kind {
	case state.Dir:
		return os.Mkdir(e.Path, 0o755)
	case state.Link:
		return os.Symlink(e.Target, e.Path)
	case state.Command:
		return os.WriteFile(e.Path, nil, 0o644)
	}
	fd, err := unix.Open(e.Path+temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	err = f.fill(fd, e)
	if err == nil {
		err = unix.Fchmod(fd, 0o644)
	}
	if err == nil && how == EachSync {
		err = unix.Fsync(fd)
	}
	if err = errors.Join(err, unix.Close(fd)); err == nil && how != OneSync {
		err = os.Rename(e.Path+temporary, e.Path)
	}
	return err
}

func (f *Files) fill(fd int, e state.Entry) error {
	if e.Source == "" {
		n, err := unix.Write(fd, []byte(f.texts[e.Index]))
		if err == nil && n < len(f.texts[e.Index]) {
			err = io.ErrShortWrite
		}
		return err
	}
	from, err := unix.Open(e.Source, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(from)
	for {
		n, err := unix.Read(from, f.a)
		if err != nil || n == 0 {
			return err
		}
		if m, err := unix.Write(fd, f.a[:n]); err != nil || m < n {
			return fmt.Errorf("write: %d of %d bytes: %w", m, n, err)
		}
	}
}

func syncWith(sync func(int) error, name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(sync(int(d.Fd())), d.Close())
}
