package inode

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// Because adds to err, that of changing base of the folder dir, what is behind it where nothing else shows that: a flag of chattr(1), of base itself or of the
// folder, which stops root too, or a file system that has room and no inodes.
func Because(dir int, base string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		for _, at := range [...]struct{ name, what string }{{base, "it"}, {".", "the folder that it is in"}} {
			if flags := FlagsOf(dir, at.name).String(); flags != "" {
				return fmt.Errorf("%w: %s is %s", err, at.what, flags)
			}
		}
	case errors.Is(err, unix.ENOSPC):
		if noInodes(dir) {
			return fmt.Errorf("%w: all inodes of the file system are in use", err)
		}
	}
	return err
}

// FlagsOf returns the flags of name in the folder dir, "." for the folder itself; none where they cannot be asked for.
func FlagsOf(dir int, name string) host.Flags {
	var st unix.Statx_t
	if err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW, 0, &st); err != nil {
		return host.Flags{}
	}
	return host.Flags{
		Immutable:  st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0,
		AppendOnly: st.Attributes&unix.STATX_ATTR_APPEND != 0,
		ReadOnly:   errors.Is(unix.Faccessat(dir, name, unix.W_OK, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EACCESS), unix.EROFS),
		Mounted:    name != "." && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0,
	}
}

// noInodes says whether the file system that the folder is of counts inodes and has none left.
func noInodes(dir int) bool {
	fd, err := OpenDir(dir, ".")
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Files > 0 && st.Ffree == 0
}
