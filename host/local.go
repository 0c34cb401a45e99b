package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/internal/answers"
	"github.com/nodeapply/apply/host/internal/beneath"
	"github.com/nodeapply/apply/host/internal/command"
	"github.com/nodeapply/apply/host/internal/mountinfo"
	"github.com/nodeapply/apply/host/internal/systemd"
	"github.com/nodeapply/apply/host/syncer"
)

// Options says which node a [Local] is.
type Options struct {
	// Root is the folder below which the node lies; "" is "/". Below another root commands run in a chroot(2), and there is no systemd.
	Root string
}

// Local is the node that this process runs on, or one that lies in a folder of it. It may be used by any number of goroutines.
type Local struct {
	root     *beneath.Root
	rootName string
	token    string
	sync     *syncer.Group
	started  atomic.Int64
	accounts accounts
	groups   func() *command.Groups
	systemd  *systemd.Manager
	buffers  sync.Pool // of *[]byte, for contents on their way
}

var _ Host = (*Local)(nil)

// New opens the node. Close ends its use.
func New(o Options) (*Local, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	name, err := beneath.Clean(o.Root)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	root, err := beneath.Open(name)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	served := answers.New()
	root.Answers = func(inside string) error { return served.Answers(path.Join(name, inside)) }
	return &Local{
		root: root, rootName: name, token: strings.ToLower(rand.Text()[:8]), sync: syncer.New(),
		groups: sync.OnceValue(command.NewGroups), systemd: systemd.New(),
		buffers: sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }},
	}, nil
}

// Close releases what l holds open. Nothing of l may be in use.
func (l *Local) Close() error {
	l.systemd.Close()
	return l.root.Close()
}

// OpenFiles is how many files this process may have open, by its RLIMIT_NOFILE: who works on many at a time keeps well below.
func OpenFiles() int {
	const usual = 1024
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return usual
	}
	return int(min(limit.Cur, 1<<20))
}

// Token is the part of the names of l's temporary files by which [Local.Sweep] of a later run finds them: ".apply.TOKEN.RANDOM".
func (l *Local) Token() string { return l.token }

// Started is the number of processes that l has started.
func (l *Local) Started() int64 { return l.started.Load() }

// Mounts implements [View]. Below another root than "/" only what is mounted there is listed, by its names there.
func (l *Local) Mounts(context.Context) ([]Mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := mountinfo.Parse(f)
	if err != nil {
		return nil, err
	}
	var all []Mount
	for _, m := range lines {
		point, inside := l.inside(m.Point)
		if !inside {
			continue
		}
		all = append(all, Mount{
			ID: m.ID, Parent: m.Parent, Point: point, Root: m.Root, FSType: m.FSType, Source: m.Source,
			Options: m.Options, SuperOptions: m.SuperOptions,
		})
	}
	return all, nil
}

// inside returns the node's name for the name of this machine.
func (l *Local) inside(name string) (string, bool) {
	if l.rootName == "/" {
		return name, true
	}
	rest, ok := strings.CutPrefix(name, l.rootName)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "/", true
	}
	return rest, rest[0] == '/'
}

// refused puts the name of the owner into the error for a name that somebody else may have prepared.
func (l *Local) refused(err error) error {
	var r *beneath.Refused
	if !errors.As(err, &r) {
		return err
	}
	return fmt.Errorf("%s: refused: %s (%s)", r.Component, r.Why, l.ownerName(r.Owner))
}

func (l *Local) ownerName(uid uint32) string {
	if u, ok := l.accounts.byUID(l, uid); ok {
		return "owner " + u.Name
	}
	return fmt.Sprintf("owner %d", uid)
}

func statOf(st *unix.Stat_t) Stat {
	return Stat{
		Kind: kindOf(st.Mode), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Size: st.Size, Nlink: uint64(st.Nlink),
		Dev: st.Dev, Ino: st.Ino, Rdev: st.Rdev, ModTime: timeOf(st.Mtim),
	}
}
