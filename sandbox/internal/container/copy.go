package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CopyTree copies a folder, with the folders above it below base, and the files and links in it; a folder that is not there is none.
func CopyTree(base, folder, to string) error {
	if _, err := os.Stat(filepath.Join(base, folder)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for dir := filepath.Dir(folder); dir != "."; dir = filepath.Dir(dir) {
		defer func() { _ = os.Chmod(filepath.Join(to, dir), 0o755) }()
	}
	if err := os.MkdirAll(filepath.Join(to, filepath.Dir(folder)), 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(base, folder), func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(name, base))
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch info.Mode().Type() {
		case fs.ModeDir:
			return errors.Join(os.Mkdir(at, 0o700), os.Chmod(at, info.Mode().Perm()))
		case fs.ModeSymlink:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(target, at)
		case 0:
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(at, text, 0o600), os.Chmod(at, info.Mode().Perm()))
		}
		return nil
	})
}
