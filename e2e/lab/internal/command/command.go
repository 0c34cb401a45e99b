// Package command runs commands in the namespaces of another process, each in a cgroup of its own, so that it can be killed whole.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// Result is the end of a command.
type Result struct {
	Stdout, Stderr string
	Code           int // exit code, 128 + N for death by signal N
}

// Process is a command that runs.
type Process struct {
	cmd            *exec.Cmd
	ctx            context.Context
	cgroup         string
	stdout, stderr output
	ended          chan struct{}
	err            error // of cmd.Wait, valid once ended
}

// Start starts a command in all namespaces of process pid, in a new cgroup of the folder cgroups, as root, with no more environment than a login
// gives. When ctx ends, the command and what it started are killed.
func Start(ctx context.Context, pid int, cgroups string, stdin []byte, argv []string) (*Process, error) {
	// Below a node's cgroup the command sees itself inside of its node.
	if err := os.MkdirAll(cgroups, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cgroups, "run-")
	if err != nil {
		return nil, err
	}
	cgroup, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer cgroup.Close()
	p := &Process{ctx: ctx, cgroup: dir, ended: make(chan struct{})}
	// env finds the program in the node's PATH; this process would search its own.
	p.cmd = exec.CommandContext(ctx, "/usr/bin/env", append([]string{"--"}, argv...)...)
	p.cmd.Dir = "/"
	p.cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = bytes.NewReader(stdin), &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(cgroup.Fd())}
	p.cmd.Cancel = p.killAll
	p.cmd.WaitDelay = 5 * time.Second // for a daemon that keeps the output open
	if err := process.StartIn(pid, p.cmd); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	go func() { // at once: a node cannot end as long as a child of another process waits for that one in it
		defer close(p.ended)
		p.err = p.cmd.Wait()
		os.Remove(p.cgroup) // stays while a daemon lives in it, as long as the cgroup around it does
	}()
	return p, nil
}

// killAll kills the command with all that it started and that did not move to another cgroup, as what systemd starts does.
func (p *Process) killAll() error {
	return os.WriteFile(filepath.Join(p.cgroup, "cgroup.kill"), []byte("1"), 0)
}

// Signal sends a signal to the command alone, not to what it started.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Await waits until the command has printed a text on its standard output.
func (p *Process) Await(ctx context.Context, text string) error {
	for {
		printed, more := p.stdout.look()
		if strings.Contains(printed, text) {
			return nil
		}
		select {
		case <-more:
		case <-p.ended:
			if printed, _ = p.stdout.look(); strings.Contains(printed, text) {
				return nil
			}
			return fmt.Errorf("%s: ended and has not printed %q:\n%s%s", strings.Join(p.cmd.Args[2:], " "), text, printed, p.stderr.String())
		case <-ctx.Done():
			return fmt.Errorf("%s: has not printed %q: %w:\n%s%s", strings.Join(p.cmd.Args[2:], " "), text, context.Cause(ctx), printed, p.stderr.String())
		}
	}
}

// Wait waits for the end of the command. The error is the cause of the context's end when that came first.
func (p *Process) Wait() (Result, error) {
	<-p.ended
	res := Result{Stdout: p.stdout.String(), Stderr: p.stderr.String(), Code: p.cmd.ProcessState.ExitCode()}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		res.Code = 128 + int(status.Signal())
	}
	var exit *exec.ExitError
	switch {
	case p.ctx.Err() != nil:
		return res, fmt.Errorf("%s: %w", strings.Join(p.cmd.Args[2:], " "), context.Cause(p.ctx))
	case p.err == nil, errors.As(p.err, &exit), errors.Is(p.err, exec.ErrWaitDelay):
		return res, nil
	}
	return res, p.err
}
