package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/command"
	"github.com/nodeapply/apply/host/internal/inode"
)

// defaultPath are the folders in which programs are looked up.
var defaultPath = [...]string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

const (
	defaultMaxOutput = 1 << 20
	defaultUmask     = 0o022
)

// Query implements [host.View].
func (n *Node) Query(ctx context.Context, c host.Cmd) (host.Output, error) { return n.Run(ctx, c) }

// Reap ends what commands of runs that were killed have left running, as far as control groups (cgroup v2) tell.
func (n *Node) Reap() { n.groups().Reap() }

// Run implements [host.Host]. A program that is not there or cannot be run is an error, with the exit codes that a shell gives for these, 127 and 126.
func (n *Node) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return host.Output{}, errors.New("a command without a program")
	}
	if len(c.Path) == 0 {
		c.Path = defaultPath[:]
	}
	program, err := n.lookPath(c.Args[0], c.Path)
	if err != nil {
		return host.Output{ExitCode: exitOf(err)}, err
	}
	spec, err := n.spec(ctx, c, program)
	if err != nil {
		return host.Output{}, err
	}
	begin := time.Now()
	n.started.Add(1)
	r, err := command.Run(ctx, spec)
	out := host.Output{Stdout: r.Stdout, Stderr: r.Stderr, Truncated: r.Truncated, ExitCode: r.ExitCode}
	if err == nil {
		return out, nil
	}
	if deadline, ok := ctx.Deadline(); ok && err == context.DeadlineExceeded {
		err = timedOut(deadline.Sub(begin).Round(10 * time.Millisecond))
	}
	if start, ok := errors.AsType[*fs.PathError](err); ok {
		out.ExitCode = exitOf(err)
		if errors.Is(err, unix.EPERM) && spec.Credential != nil { // it is not the program that is not permitted
			return out, fmt.Errorf("%s as uid %d, gid %d: %w", start.Path, spec.Credential.Uid, spec.Credential.Gid, start.Err)
		}
		return out, fmt.Errorf("%s: %w", start.Path, start.Err)
	}
	return out, fmt.Errorf("%s: %w", path.Base(program), err)
}

// timedOut is a deadline that was set without a cause of its own.
type timedOut time.Duration

func (d timedOut) Error() string { return "timed out after " + time.Duration(d).String() }
func (d timedOut) Unwrap() error { return context.DeadlineExceeded }

func exitOf(err error) int {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

func (n *Node) spec(ctx context.Context, c host.Cmd, program string) (command.Spec, error) {
	s := command.Spec{
		Program: program, Args: c.Args, Dir: c.Dir, Stdin: c.Stdin, Stream: c.Stream, MaxOutput: c.MaxOutput, Umask: defaultUmask,
		Groups: n.groups(), Ends: c.Ends,
	}
	if s.Dir == "" {
		s.Dir = "/"
	}
	if st, err := n.root.Follow(s.Dir); err != nil {
		return s, fmt.Errorf("%s: %w", s.Dir, err)
	} else if inode.KindOf(st.Mode) != host.Directory {
		return s, fmt.Errorf("%s: %w", s.Dir, unix.ENOTDIR)
	}
	if s.MaxOutput <= 0 {
		s.MaxOutput = defaultMaxOutput
	}
	if c.Umask != nil {
		s.Umask = int(*c.Umask)
	}
	if n.rootName != "/" {
		s.Chroot = n.rootName
	}
	home, credential, err := n.identity(ctx, c)
	if err != nil {
		return s, err
	}
	s.Credential = credential
	s.Env = append([]string{"PATH=" + strings.Join(c.Path, ":"), "HOME=" + home, "LANG=C.UTF-8"}, c.Env...)
	return s, nil
}

// identity returns who the command runs as: nil for the caller.
func (n *Node) identity(ctx context.Context, c host.Cmd) (home string, _ *syscall.Credential, _ error) {
	if c.User == "" && c.Group == "" {
		if u, ok := n.ByUID(uint32(os.Geteuid())); ok {
			return u.Home, nil, nil
		}
		return "/", nil, nil
	}
	u := host.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Home: "/"}
	if own, ok := n.ByUID(u.UID); ok {
		u = own
	}
	if c.User != "" {
		var err error
		if u, err = n.LookupUser(ctx, c.User); err != nil {
			return "", nil, err
		}
	}
	gid := u.GID
	if c.Group != "" {
		g, err := n.LookupGroup(ctx, c.Group)
		if err != nil {
			return "", nil, err
		}
		gid = g.GID
	}
	if u.Home == "" {
		u.Home = "/"
	}
	if os.Geteuid() != 0 && u.UID == uint32(os.Geteuid()) && gid == uint32(os.Getegid()) {
		return u.Home, nil, nil
	}
	groups, err := n.Memberships(ctx, u, gid)
	return u.Home, &syscall.Credential{Uid: u.UID, Gid: gid, Groups: groups}, err
}

// lookPath finds the program as the node sees it, by the folders given and never in the current one.
func (n *Node) lookPath(program string, folders []string) (string, error) {
	if strings.HasPrefix(program, "/") {
		return program, n.executable(program)
	}
	if strings.Contains(program, "/") {
		return "", fmt.Errorf("%s: neither absolute nor a plain name", program)
	}
	var found error
	for _, dir := range folders {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		name := path.Join(dir, program)
		err := n.executable(name)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			found = err
		}
	}
	if found != nil {
		return "", found
	}
	return "", fmt.Errorf("%s: %w (PATH=%s)", program, exec.ErrNotFound, strings.Join(folders, ":"))
}

// executable follows links as execve(2) will, inside the root.
func (n *Node) executable(name string) error {
	st, err := n.root.Follow(name)
	if errors.Is(err, unix.ENOTDIR) {
		err = unix.ENOENT
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case inode.KindOf(st.Mode) != host.Regular:
		return fmt.Errorf("%s: a %s is no program: %w", name, inode.KindOf(st.Mode), unix.EACCES)
	case st.Mode&0o111 == 0:
		return fmt.Errorf("%s: not executable: %w", name, unix.EACCES)
	}
	return nil
}
