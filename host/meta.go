package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/internal/beneath"
)

const (
	aclAccess    = "system.posix_acl_access"
	capabilities = "security.capability"
)

// SetMeta implements [FileWriter]. A link has an owner and no mode.
func (l *Local) SetMeta(ctx context.Context, name string, m Meta) error {
	dir, base, err := l.root.Parent(name)
	if err != nil {
		return l.failed("open", err)
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return l.failed("open", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return l.failed("stat", err)
	}
	if err := l.root.CheckHardLinks(dir, &st, name); err != nil {
		return l.refused(err)
	}
	kind := kindOf(st.Mode)
	if kind == Symlink && m.Mode != nil {
		if err := l.root.CheckLink(dir, &st, name); err != nil {
			return l.refused(err)
		}
		return fmt.Errorf("chmod: %s is a link, which has no mode", name)
	}
	if kind == Regular && (m.UID != nil || m.GID != nil) {
		m = l.withPrivileges(fd, &st, m)
	}
	if err := l.setMeta(fd, m); err != nil {
		return err
	}
	if kind != Regular && kind != Directory {
		return l.durableDir(ctx, dir)
	}
	f, err := reopen(fd, name, unix.O_RDONLY)
	if errors.Is(err, unix.EACCES) {
		return l.durableDir(ctx, dir) // a mode that shuts out its owner, who is not root
	}
	if err != nil {
		return l.failed("fsync", err)
	}
	defer f.Close()
	return l.durable(ctx, int(f.Fd()))
}

// modeFor is the mode of a file with the status st once it has what m says: that which it has. But setuid and setgid, which an owner may have set
// for his own programs, do not go over to another owner, unless both are root or the caller.
func (l *Local) modeFor(st *unix.Stat_t, m Meta) uint32 {
	mode := st.Mode & 0o7777
	changes := m.UID != nil && *m.UID != st.Uid || m.GID != nil && *m.GID != st.Gid
	if changes && !l.root.Trusts(st.Uid) {
		mode &^= 0o6000
	}
	return mode
}

// withPrivileges adds to m what chown takes away, setuid, setgid and capabilities, and nobody asked to have taken away.
func (l *Local) withPrivileges(fd int, st *unix.Stat_t, m Meta) Meta {
	if m.Mode == nil && st.Mode&0o6000 != 0 {
		mode := l.modeFor(st, m)
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

// setMeta sets what is given in m on what fd stands for: the owner first, because that takes setuid away; then the attributes, an ACL
// among them no wider than the mode; then the mode.
func (l *Local) setMeta(fd int, m Meta) error {
	if m.UID != nil || m.GID != nil {
		if err := unix.Fchownat(fd, "", id(m.UID), id(m.GID), unix.AT_EMPTY_PATH); err != nil {
			return l.failed("chown", err)
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
	return l.failed("chmod", err)
}

func setXattr(of, name string, m Meta) error {
	value := m.Xattrs[name]
	if value == nil {
		err := unix.Removexattr(of, name)
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		return err
	}
	if name == aclAccess && m.Mode != nil {
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
