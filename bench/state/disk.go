package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Clear removes what is managed and makes the folders that are not.
func (s *State) Clear() error {
	if err := os.RemoveAll(s.Root); err != nil {
		return err
	}
	if s.Shape == Folder {
		return os.MkdirAll(filepath.Dir(s.Root), 0o755)
	}
	return mkdirs(s.Dirs(s.Root))
}

// Prepare makes the files that are copied.
func (s *State) Prepare() error {
	if err := errors.Join(os.RemoveAll(s.Sources), mkdirs(s.Dirs(s.Sources))); err != nil {
		return err
	}
	for e := range s.Entries {
		if e.Source == "" {
			return nil
		}
		if err := s.makeSource(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) makeSource(e Entry) error {
	if s.Shape != Big {
		return os.WriteFile(e.Source, []byte(content(e.Index)), 0o644)
	}
	f, err := os.OpenFile(e.Source, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	block := bytes.Repeat([]byte(content(e.Index)), 1024)
	for n := 0; n < bigSize && err == nil; n += len(block) {
		_, err = f.Write(block)
	}
	return errors.Join(err, f.Close())
}

func mkdirs(dirs []string) error {
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// Verify says what is not as it should be: every file is compared by the hash of its content.
func (s *State) Verify() error {
	for e := range s.Entries {
		if err := s.verify(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) verify(e Entry) error {
	info, err := os.Lstat(e.Path)
	if err != nil {
		return err
	}
	switch e.Kind {
	case Dir:
		if !info.IsDir() {
			return fmt.Errorf("%s is no folder", e.Path)
		}
	case Link:
		target, err := os.Readlink(e.Path)
		if err != nil || target != e.Target {
			return fmt.Errorf("%s leads to %q, want %q: %w", e.Path, target, e.Target, err)
		}
	case Command:
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", e.Path)
		}
	case File:
		return s.verifyFile(e, info)
	}
	return nil
}

func (s *State) verifyFile(e Entry, info fs.FileInfo) error {
	if mode := info.Mode(); mode != 0o644 {
		return fmt.Errorf("%s has the mode %v, want 0644", e.Path, mode)
	}
	got, err := sum(e.Path)
	if err != nil {
		return err
	}
	want := sha256.Sum256([]byte(s.Text(e)))
	if e.Source != "" {
		if want, err = sum(e.Source); err != nil {
			return err
		}
	}
	if got != want {
		return fmt.Errorf("%s has the hash %x, want %x", e.Path, got, want)
	}
	return nil
}

func sum(name string) (out [sha256.Size]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return out, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	h.Sum(out[:0])
	return out, err
}

// Drift changes one of the files.
func (s *State) Drift() error {
	e := s.Entry(s.N / 2)
	for e.Kind != File { // of every group the second entry is a file
		if e.Index++; e.Index == s.N {
			return os.Chmod(s.Root+"/g00000", 0o700) // of a single entry of Mixed, which is a folder
		}
		e = s.Entry(e.Index)
	}
	return os.WriteFile(e.Path, []byte("drifted"), 0o644)
}

// Inode is what a run with nothing to do must leave as it is.
type Inode struct {
	Ino                 uint64
	Ctime, Mtime, Atime syscall.Timespec
}

// Inodes looks at all that is managed or copied, and the folders that hold it.
func (s *State) Inodes() (map[string]Inode, error) {
	all := map[string]Inode{}
	for _, root := range []string{s.Root, s.Sources} {
		err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
			var st syscall.Stat_t
			if err == nil {
				err = syscall.Lstat(name, &st)
			}
			all[name] = Inode{st.Ino, st.Ctim, st.Mtim, st.Atim}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Touched counts the inodes that differ: by content, name or status, and by access time alone.
func Touched(before, after map[string]Inode) (changed, read int) {
	for name, a := range after {
		b, ok := before[name]
		switch {
		case !ok || a.Ino != b.Ino || a.Ctime != b.Ctime || a.Mtime != b.Mtime:
			changed++
		case a.Atime != b.Atime:
			read++
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			changed++
		}
	}
	return changed, read
}
