package inode

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Because adds to err, that of changing base of the folder dir, what is behind it where nothing else shows that: a flag of chattr(1), of base itself or of the
// folder, which stops root too, or a file system that has room and no inodes.
func Because(dir int, base string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		for _, at := range [...]struct{ name, what string }{{base, "it"}, {".", "the folder that it is in"}} {
			if flag := flagOf(dir, at.name); flag != "" {
				return fmt.Errorf("%w: %s is %s", err, at.what, flag)
			}
		}
	case errors.Is(err, unix.ENOSPC):
		if noInodes(dir) {
			return fmt.Errorf("%w: all inodes of the file system are in use", err)
		}
	}
	return err
}

// flagOf names the flag by which a file cannot be changed, "" for none.
func flagOf(dir int, name string) string {
	var st unix.Statx_t
	switch err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW, 0, &st); {
	case err != nil:
	case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		return "immutable (chattr +i)"
	case st.Attributes&unix.STATX_ATTR_APPEND != 0:
		return "append-only (chattr +a)"
	}
	return ""
}

// noInodes says whether the file system that the folder is of counts inodes and has none left.
func noInodes(dir int) bool {
	fd, err := OpenDir(dir, ".", 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Files > 0 && st.Ffree == 0
}
