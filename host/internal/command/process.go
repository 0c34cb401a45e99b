package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one program under way.
type process struct {
	spec    Spec
	cmd     *exec.Cmd
	leaf    *leaf
	started chan error    // the outcome of the start
	exited  chan struct{} // the program itself has ended; its process id is not free yet
	reap    chan struct{} // closed by the owner: the process id may be given back
	ended   chan struct{} // life is over
}

// life starts the program, waits for its end and reaps it, all on one thread of its own that ends with it:
//   - The umask belongs to a thread once that does not share it any more (CLONE_FS). Go offers no other way of setting it for one child
//     only: changing that of the whole process, be it for an instant, would let other goroutines' files be made with it.
//   - The kernel kills the program should this thread end, which it does with the whole process (PR_SET_PDEATHSIG), unless the program is to come to its end.
func (p *process) life(stdout, stderr *os.File) {
	defer close(p.ended)
	runtime.LockOSThread() // never unlocked: the thread, with its own umask, is not used again
	err := p.start(stdout, stderr)
	p.started <- err
	if err != nil {
		p.leaf.close()
		return
	}
	awaitExit(p.cmd.Process.Pid)
	close(p.exited)
	<-p.reap
	_ = p.cmd.Wait() // what it says is in ProcessState
	p.leaf.close()
}

func (p *process) start(stdout, stderr *os.File) error {
	if err := unix.Unshare(unix.CLONE_FS); err == nil {
		unix.Umask(p.spec.Umask)
	} else {
		p.spec = umaskByShell(p.spec)
	}
	p.leaf = p.spec.Groups.leaf(p.spec.Ends)
	onDeath := syscall.SIGKILL
	if p.spec.Ends {
		onDeath = 0
	}
	p.cmd = &exec.Cmd{
		Path: p.spec.Program, Args: p.spec.Args, Env: p.spec.Env, Dir: p.spec.Dir,
		Stdin: p.spec.Stdin, Stdout: stdout, Stderr: stderr, WaitDelay: time.Second,
		SysProcAttr: &syscall.SysProcAttr{
			Setsid: true, Pdeathsig: onDeath, Chroot: p.spec.Chroot, Credential: p.spec.Credential,
			UseCgroupFD: p.leaf != nil, CgroupFD: p.leaf.descriptor(),
		},
	}
	err := p.cmd.Start()
	if p.leaf != nil && err != nil && !errors.Is(err, os.ErrNotExist) {
		// An old kernel, a container that forbids clone3(2), or one that lets us make a group and not use it: the process group has to do.
		p.leaf.close()
		p.leaf = nil
		cmd := *p.cmd
		attr := *cmd.SysProcAttr
		attr.UseCgroupFD = false
		p.cmd = &exec.Cmd{
			Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Stdin: cmd.Stdin, Stdout: stdout, Stderr: stderr,
			WaitDelay: cmd.WaitDelay, SysProcAttr: &attr,
		}
		err = p.cmd.Start()
	}
	return err
}

// umaskByShell has a shell set the umask, for containers that forbid unshare(2).
func umaskByShell(s Spec) Spec {
	script := fmt.Sprintf(`umask %04o; exec "$@"`, s.Umask)
	s.Args = append([]string{"/bin/sh", "-c", script, "/bin/sh", s.Program}, s.Args[1:]...)
	s.Program = "/bin/sh"
	return s
}

// awaitExit waits until the child has ended and leaves it to be reaped, so that no other process can get its id meanwhile.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// await returns nil when the program has ended by itself, and the cause of ctx when it had to be ended.
func (p *process) await(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	p.end()
	return cause
}

// end ends all of the group: TERM, and KILL for what is there after the grace.
func (p *process) end() {
	group := p.cmd.Process.Pid
	_ = unix.Kill(-group, unix.SIGTERM)
	p.leaf.signal(unix.SIGTERM) // those that left the group; those in both hear it twice
	grace, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	select {
	case <-p.exited:
	case <-grace.Done():
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
wait:
	for p.leaf.populated() || groupAlive(group) {
		select {
		case <-look.C:
		case <-grace.Done():
			break wait
		}
	}
	_ = unix.Kill(-group, unix.SIGKILL)
	p.leaf.kill()
	<-p.exited
}

// groupAlive says whether a process of the group is there that has not ended.
func groupAlive(group int) bool {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, n := range names {
		if _, err := strconv.Atoi(n.Name()); err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + n.Name() + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state parent group ...; the name may hold anything
		f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(f) > 2 && string(f[2]) == strconv.Itoa(group) && f[0][0] != 'Z' && f[0][0] != 'X' {
			return true
		}
	}
	return false
}
