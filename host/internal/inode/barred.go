package inode

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Barred adds to err, that of changing base of the folder dir, which flag of chattr(1) is the reason, of base itself or of the folder: it stops root too, and
// nothing else shows it.
func Barred(dir int, base string, err error) error {
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	for _, at := range [...]struct{ name, what string }{{base, "it"}, {".", "the folder that it is in"}} {
		var st unix.Statx_t
		switch statErr := unix.Statx(dir, at.name, unix.AT_SYMLINK_NOFOLLOW, 0, &st); {
		case statErr != nil:
		case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
			return fmt.Errorf("%w: %s is immutable (chattr +i)", err, at.what)
		case st.Attributes&unix.STATX_ATTR_APPEND != 0:
			return fmt.Errorf("%w: %s is append-only (chattr +a)", err, at.what)
		}
	}
	return err
}
