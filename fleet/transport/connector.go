package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/fleet/shell"
)

// Connector is the Dialer that starts a program for each command: its words, then [USER@]HOST, then the command's line, as for ssh. The exit code 255
// means, as for ssh, that the node was not reached.
type Connector struct {
	argv  []string
	slots chan struct{}
}

// unreached is the exit code of ssh where it did not reach the node.
const unreached = 255

// maxPrograms is how many programs run commands at a time: each is a process of this machine.
const maxPrograms = 1024

// NewConnector reads a program with its arguments, which may be quoted with '...' or "...".
func NewConnector(text string) (*Connector, error) {
	argv, err := words(text)
	if err != nil {
		return nil, fmt.Errorf("connector %q: %w", text, err)
	}
	if len(argv) == 0 {
		return nil, errors.New("connector: no program is given")
	}
	return &Connector{argv, make(chan struct{}, maxPrograms)}, nil
}

// words splits a text at blanks outside of quotes.
func words(text string) ([]string, error) {
	var out []string
	var word strings.Builder
	var quote rune
	inside := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inside {
				out = append(out, word.String())
				word.Reset()
			}
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if inside {
		out = append(out, word.String())
	}
	return out, nil
}

// Dial connects to nothing: that is up to the program.
func (c *Connector) Dial(_ context.Context, t Target) (Conn, error) {
	host := t.Address
	if host == "" {
		host = t.Name
	}
	if strings.HasPrefix(host, "-") {
		return nil, fmt.Errorf("address %q: begins with a dash", host)
	}
	if t.User != "" {
		host = t.User + "@" + host
	}
	return &program{append(slices.Clip(c.argv), host), c.slots}, nil
}

// Close does nothing.
func (c *Connector) Close() error { return nil }

type program struct {
	argv  []string
	slots chan struct{}
}

// Close does nothing: each command is a process of its own.
func (p *program) Close() error { return nil }

// Run starts the program and waits for it. One that leaves a process behind which holds its output open, as an ssh that shares its connection does, has ended.
func (p *program) Run(ctx context.Context, c Command) (Exit, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Exit{}, context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id := rand.Text()
	stdout, stderr, tell := shell.Outputs(id, c.Script, c.Stdout, c.Stderr)
	cmd := p.command(ctx, shell.Marked(c.Line, id, c.Script))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, passedOn(stdout, cancel), passedOn(stderr, cancel)
	end := cmd.Cancel
	cmd.Cancel = func() error {
		p.finish(id, c.Patience())
		return end()
	}
	cmd.WaitDelay = c.Patience()
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
		}
		return Exit{}, context.Cause(ctx)
	}
	tell()
	return ended(err)
}

// command is the program with a line, in a process group of its own, which the end of the context ends.
func (p *program) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.argv[0], append(p.argv[1:len(p.argv):len(p.argv)], line)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return cmd
}

// finish ends every process of a command on the node, which the end of the program does not.
func (p *program) finish(id string, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace+shell.FinishPatience)
	defer cancel()
	cmd := p.command(ctx, shell.Finishing(id, grace))
	cmd.WaitDelay = time.Second
	_ = cmd.Run() // a node that is not reached any more keeps them
}

// ended is how a program has ended. Where it did not do what it is for, the node was not reached.
func ended(err error) (Exit, error) {
	var bad *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return Exit{}, nil
	case !errors.As(err, &bad):
		return Exit{}, fmt.Errorf("connector: %w", err)
	}
	if status, ok := bad.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{}, fmt.Errorf("connector: ended by signal %d", status.Signal())
	}
	if bad.ExitCode() == unreached {
		return Exit{}, fmt.Errorf("connector: ended with exit code %d", unreached)
	}
	return Exit{Code: bad.ExitCode()}, nil
}
