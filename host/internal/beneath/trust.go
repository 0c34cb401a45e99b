package beneath

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/internal/mountinfo"
)

// CheckLink refuses the link at where, which has the status st and lies in the folder dir, if somebody else may have planted it.
func (r *Root) CheckLink(dir int, st *unix.Stat_t, where string) error {
	if !r.Trusts(st.Uid) {
		return &Refused{where, st.Uid, "a link that its owner may have planted"}
	}
	if owner, yes := r.othersWrite(dir); yes {
		return &Refused{where, owner, "a link in a folder that others can write"}
	}
	return nil
}

// CheckHardLinks refuses the file at where, which has the status st and lies in the folder dir, if it is known by further names and
// somebody else may have planted it here.
func (r *Root) CheckHardLinks(dir int, st *unix.Stat_t, where string) error {
	if st.Nlink < 2 || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	if owner, yes := r.othersWrite(dir); yes {
		return &Refused{where, owner, "a file with further hard links in a folder that others can write"}
	}
	return nil
}

// othersWrite says whether somebody else than root and the caller can make entries in the folder dir, and who owns it. A folder that
// cannot be asked counts as writable.
func (r *Root) othersWrite(dir int) (owner uint32, yes bool) {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return 0, true
	}
	if by, served := servedBy(dir, &st); served && !r.Trusts(by) {
		return by, true
	}
	switch {
	case !r.Trusts(st.Uid), st.Mode&0o002 != 0:
		return st.Uid, true
	case st.Mode&0o020 == 0:
		return st.Uid, false
	case st.Gid != 0 && st.Gid != r.caller: // a user's private group has the user's number
		return st.Uid, true
	}
	// The group bits are the mask of an ACL, which may let in anybody.
	n, err := unix.Getxattr(ProcName(dir), "system.posix_acl_access", nil)
	return st.Uid, err == nil && n > 0
}

// servedBy says whether a process serves the file system of the folder dir (FUSE), and whose it is: it says of owners and modes what it likes. One that
// is not known is a foreign one.
func servedBy(dir int, st *unix.Stat_t) (by uint32, served bool) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(dir, &fs); err == nil && fs.Type != unix.FUSE_SUPER_MAGIC {
		return 0, false
	}
	const unknown = ^uint32(0)
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return unknown, true
	}
	defer f.Close()
	mounts, err := mountinfo.Parse(f)
	if err != nil {
		return unknown, true
	}
	for _, m := range mounts {
		if m.Dev != fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)) {
			continue
		}
		for _, option := range m.SuperOptions {
			id, found := strings.CutPrefix(option, "user_id=")
			if n, err := strconv.ParseUint(id, 10, 32); found && err == nil {
				return uint32(n), true
			}
		}
	}
	return unknown, true
}

// Trusts says whether uid is root or the caller.
func (r *Root) Trusts(uid uint32) bool { return uid == 0 || uid == r.caller }
