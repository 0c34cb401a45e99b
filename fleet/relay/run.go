package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/wire"
)

// lag is how long a process that a command leaves behind may hold its output open.
const lag = 2 * time.Second

// Run is the call that runs a line by the user's shell, as sshd would, or a script by sh, in a process group of its own.
func Run(ctx context.Context, c *wire.Call) (wire.End, error) {
	var a RunArgs
	if err := c.Args(&a); err != nil {
		return wire.End{}, err
	}
	program := os.Getenv("SHELL")
	if program == "" || a.Script {
		program = "/bin/sh"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	id := rand.Text()
	cmd := exec.CommandContext(ctx, program)
	cmd.Args = []string{filepath.Base(program), "-c", a.Line}
	cmd.Dir, cmd.Env = home, append(os.Environ(), shell.Mark+"="+id)
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return endAll(cmd.Process.Pid, id, unix.SIGTERM) }
	cmd.WaitDelay = max(lag, time.Duration(a.GraceMS)*time.Millisecond)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return wire.End{}, err
	}
	if err := cmd.Start(); err != nil {
		return wire.End{}, err
	}
	go func() { // ends with the call, which ends its input
		_, _ = io.Copy(stdin, c.Stdin) // a command need not read its input
		stdin.Close()
	}()
	err = cmd.Wait()
	if ctx.Err() != nil {
		_ = endAll(cmd.Process.Pid, id, unix.SIGKILL) // also what outlived the command
		return wire.End{}, context.Cause(ctx)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && !errors.Is(err, exec.ErrWaitDelay) {
		return wire.End{}, err
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return wire.End{Code: 128 + int(status.Signal()), Signal: strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")}, nil
	}
	return wire.End{Code: cmd.ProcessState.ExitCode()}, nil
}

// endAll sends a signal to each process of a group, and to each that has left it: once, as a second one may mean something else.
func endAll(group int, id string, sig syscall.Signal) error {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return unix.Kill(-group, sig)
	}
	want := fmt.Appendf(nil, "%s=%s", shell.Mark, id)
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		its, err := unix.Getpgid(pid)
		if err == nil && its != group {
			environ, readErr := os.ReadFile(filepath.Join("/proc", p.Name(), "environ"))
			if readErr != nil || !bytes.Contains(environ, want) {
				continue
			}
		}
		if err == nil {
			_ = unix.Kill(pid, sig) // it may have ended meanwhile
		}
	}
	return nil
}
