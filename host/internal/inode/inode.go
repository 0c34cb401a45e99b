// Package inode reads and sets what the system keeps about a file beside its content, by a descriptor of it.
package inode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/beneath"
)

const (
	ACLAccess    = "system.posix_acl_access"
	aclDefault   = "system.posix_acl_default"
	capabilities = "security.capability"
)

// ModeAfter is the mode that a file with the status st has once it has what m says: that which it has. But setuid and setgid, which an owner may
// have set for his own program, do not go over to another owner or group unless he is trusted.
func ModeAfter(st *unix.Stat_t, m host.Meta, trusted bool) uint32 {
	mode := st.Mode & 0o7777
	if changes := m.UID != nil && *m.UID != st.Uid || m.GID != nil && *m.GID != st.Gid; changes && !trusted {
		mode &^= 0o6000
	}
	return mode
}

// WithPrivileges adds to m what chown takes away, setuid, setgid and capabilities, and nobody asked to have taken away; see [ModeAfter].
func WithPrivileges(fd int, st *unix.Stat_t, m host.Meta, trusted bool) host.Meta {
	if m.Mode == nil && st.Mode&0o6000 != 0 {
		mode := ModeAfter(st, m, trusted)
		m.Mode = &mode
	}
	if _, given := m.Xattrs[capabilities]; given {
		return m
	}
	value := make([]byte, 64) // of 24 at most
	if n, err := unix.Getxattr(beneath.ProcName(fd), capabilities, value); err == nil {
		m.Xattrs = maps.Clone(m.Xattrs)
		if m.Xattrs == nil {
			m.Xattrs = map[string][]byte{}
		}
		m.Xattrs[capabilities] = value[:n]
	}
	return m
}

// WithoutLists adds to m, of what had its access lists from one owner and is to belong to another, that they go, unless m has them: who may have set
// them would be let in, or let in others, where the mode that is declared does not.
func WithoutLists(m host.Meta, from, to uint32) host.Meta {
	if m.UID != nil {
		to = *m.UID
	}
	if from == to {
		return m
	}
	lists := map[string][]byte{ACLAccess: nil, aclDefault: nil}
	maps.Copy(lists, m.Xattrs)
	m.Xattrs = lists
	return m
}

// Set sets what is given in m on what fd stands for: the owner first, because that takes setuid away; then the attributes, an ACL
// among them no wider than the mode; then the mode.
func Set(fd int, m host.Meta) error {
	if m.UID != nil || m.GID != nil {
		if err := unix.Fchownat(fd, "", id(m.UID), id(m.GID), unix.AT_EMPTY_PATH); errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("chown: %w: this user namespace has no such owner or group, see /proc/self/uid_map and gid_map", err)
		} else if err != nil {
			return fmt.Errorf("chown: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Xattrs)) {
		if err := setXattr(beneath.ProcName(fd), name, m); err != nil {
			return fmt.Errorf("setxattr: %s: %w", name, err)
		}
	}
	if m.Mode == nil {
		return nil
	}
	err := unix.Fchmod(fd, *m.Mode&0o7777)
	if errors.Is(err, unix.EBADF) { // a descriptor of the name alone
		err = unix.Chmod(beneath.ProcName(fd), *m.Mode&0o7777)
	}
	if err != nil {
		return fmt.Errorf("chmod: %w", err)
	}
	return nil
}

func setXattr(of, name string, m host.Meta) error {
	value := m.Xattrs[name]
	if value == nil {
		err := unix.Removexattr(of, name)
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		return err
	}
	if name == ACLAccess && m.Mode != nil {
		value = aclWithMode(value, *m.Mode)
	}
	return unix.Setxattr(of, name, value, 0)
}

// aclWithMode returns the ACL with the entries that are the mode's bits set to mode, as chmod(2) would set them. The form is the
// kernel's (linux/posix_acl_xattr.h): a version of 4 bytes, then entries of tag, permissions (2 bytes each) and id (4 bytes).
func aclWithMode(acl []byte, mode uint32) []byte {
	const header, entry = 4, 8
	const userObj, groupObj, mask, other = 0x01, 0x04, 0x10, 0x20
	acl = slices.Clone(acl)
	group := -1
	for i := header; i+entry <= len(acl); i += entry {
		perm := acl[i+2 : i+4]
		switch binary.LittleEndian.Uint16(acl[i:]) {
		case userObj:
			binary.LittleEndian.PutUint16(perm, uint16(mode>>6&7))
		case other:
			binary.LittleEndian.PutUint16(perm, uint16(mode&7))
		case mask:
			group = i
		case groupObj:
			if group < 0 {
				group = i
			}
		}
	}
	if group >= 0 {
		binary.LittleEndian.PutUint16(acl[group+2:], uint16(mode>>3&7))
	}
	return acl
}

func id(n *uint32) int {
	if n == nil {
		return -1
	}
	return int(*n)
}

// Same says whether the two are of one inode.
func Same(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// StatOf returns what a [host.View] tells of the status st.
func StatOf(st *unix.Stat_t) host.Stat {
	return host.Stat{
		Kind: KindOf(st.Mode), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Size: st.Size, Nlink: uint64(st.Nlink),
		Dev: st.Dev, Ino: st.Ino, Rdev: st.Rdev, ModTime: time.Unix(st.Mtim.Unix()), Changed: time.Unix(st.Ctim.Unix()),
	}
}

// KindOf returns the kind by the bits of st_mode.
func KindOf(mode uint32) host.Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return host.Regular
	case unix.S_IFDIR:
		return host.Directory
	case unix.S_IFLNK:
		return host.Symlink
	case unix.S_IFIFO:
		return host.Fifo
	case unix.S_IFSOCK:
		return host.Socket
	case unix.S_IFCHR:
		return host.CharDevice
	}
	return host.BlockDevice
}

// Lstat returns the status of base in the folder dir, nil where nothing is.
func Lstat(dir int, base string) (*unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &st, nil
}

// RenameNew renames within a folder, to a name at which nothing is.
func RenameNew(dir int, from, to string) error {
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system, or a kernel, that cannot promise that
		return unix.Renameat(dir, from, dir, to)
	}
	return err
}

// OpenDir opens a folder for reading.
func OpenDir(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// OpenQuietly opens something without a trace in its access time, which is for the owner and root: without that for others.
func OpenQuietly(open func(noatime int) (int, error)) (int, error) {
	fd, err := open(unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) {
		return open(0)
	}
	return fd, err
}

// Reopen opens what the O_PATH descriptor fd stands for.
func Reopen(fd int, name string, flags int) (*os.File, error) {
	n, err := ReopenFD(fd, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(n), name), nil
}

// ReopenFD is [Reopen] without an os.File.
func ReopenFD(fd, flags int) (int, error) {
	return OpenQuietly(func(noatime int) (int, error) {
		return unix.Open(beneath.ProcName(fd), flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY|noatime, 0)
	})
}

// Xattrs reads the extended attributes of what the descriptor stands for; a file system without any has none.
func Xattrs(fd int) (map[string][]byte, error) {
	of := beneath.ProcName(fd)
	list, err := grown(func(b []byte) (int, error) { return unix.Listxattr(of, b) })
	if err != nil || len(list) == 0 {
		return nil, err
	}
	all := map[string][]byte{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		value, err := grown(func(b []byte) (int, error) { return unix.Getxattr(of, name, b) })
		switch {
		case errors.Is(err, unix.ENODATA): // removed since it was listed
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		default:
			all[name] = value
		}
	}
	return all, nil
}

// grown calls get with a bigger buffer until the value fits. What a file system does not support is empty.
func grown(get func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 8 {
		b := make([]byte, size)
		n, err := get(b)
		switch {
		case errors.Is(err, unix.ERANGE) && size < 1<<20:
		case errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case err != nil:
			return nil, err
		default:
			return b[:n], nil
		}
	}
}
