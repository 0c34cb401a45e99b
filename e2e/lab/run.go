package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// Result is the end of a command.
type Result struct {
	Stdout, Stderr string
	Code           int // exit code, 128 + N for death by signal N
}

// Run runs a command in the node, as root, and waits for its end. A code other than 0 is no error. When ctx ends first, the command
// and what it started are killed. A daemon that it leaves behind lives on.
func (n *Node) Run(ctx context.Context, argv ...string) (Result, error) {
	return n.run(ctx, nil, argv)
}

func (n *Node) run(ctx context.Context, stdin []byte, argv []string) (Result, error) {
	p, err := n.start(ctx, stdin, argv)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}

// Must runs a command in the node and returns its standard output; a code other than 0 is an error that tells what it printed.
func (n *Node) Must(ctx context.Context, argv ...string) (stdout string, err error) {
	return n.must(ctx, nil, argv)
}

func (n *Node) must(ctx context.Context, stdin []byte, argv []string) (string, error) {
	res, err := n.run(ctx, stdin, argv)
	if err == nil && res.Code != 0 {
		err = fmt.Errorf("node %s: %s: exit code %d\n%s%s", n.Name, strings.Join(argv, " "), res.Code, res.Stdout, res.Stderr)
	}
	return res.Stdout, err
}

// Put writes a file in the node, with its folders.
func (n *Node) Put(ctx context.Context, name string, content []byte, mode fs.FileMode) error {
	const script = `mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"`
	_, err := n.must(ctx, content, []string{"sh", "-c", script, "put", name, fmt.Sprintf("%o", mode.Perm())})
	return err
}

// Get returns the content of a file in the node.
func (n *Node) Get(ctx context.Context, name string) (string, error) {
	return n.Must(ctx, "cat", "--", name)
}

// CopyBinary installs an executable of this machine in the node as /usr/local/bin/NAME.
func (n *Node) CopyBinary(ctx context.Context, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return n.Put(ctx, filepath.Join("/usr/local/bin", filepath.Base(name)), content, 0o755)
}

// Process is a command that runs in a node.
type Process struct {
	cmd            *exec.Cmd
	ctx            context.Context
	cgroup         string
	stdout, stderr output
	ended          chan struct{}
	err            error // of cmd.Wait, valid once ended
}

// Start starts a command in the node, as root, with no more environment than a login gives. When ctx ends, the command and what it
// started are killed; they end with the node, too.
func (n *Node) Start(ctx context.Context, argv ...string) (*Process, error) {
	return n.start(ctx, nil, argv)
}

func (n *Node) start(ctx context.Context, stdin []byte, argv []string) (*Process, error) {
	select {
	case <-n.ended:
		return nil, fmt.Errorf("node %s: off", n.Name)
	default:
	}
	// A cgroup of its own below the node's, so that the command can be killed whole and sees itself inside of its node.
	runs := filepath.Join(n.cgroup, "payload", "lab")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	dir, err := os.MkdirTemp(runs, "run-")
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	cgroup, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
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
	if err := process.StartIn(n.init, p.cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("node %s: %w", n.Name, err), os.Remove(dir))
	}
	go func() { // at once: the node cannot end as long as a child of another process waits for that one in it
		defer close(p.ended)
		p.err = p.cmd.Wait()
		os.Remove(p.cgroup) // stays while a daemon lives in it, as long as the node does
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

// output is what a command has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed when more comes; nil: nobody asks
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(b)
}

func (o *output) look() (text string, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.text.String(), o.more
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
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
