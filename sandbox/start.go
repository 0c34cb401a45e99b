package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is set in the environment of a program that is to enter a box: the descriptor of its script; and of one that is there: the same after a word.
const (
	marker = "APPLY_INSIDE_SANDBOX"
	there  = "there:"
)

// script is what a program is told that is to enter a box.
type script struct {
	Box     string
	Layers  []Layer
	Masked  []string
	Dir     string // the current folder
	Unheard string // why what is done in the box cannot be traced

	// Descriptors that are opened on the way.
	Group   int   // of fanotify
	Uppers  []int // folders of upper layers
	Payload json.RawMessage
}

// Descriptors that the program inside is started with.
const (
	scriptFD = 3
	tellFD   = 4
)

// ExitError says how a program in a box ended that did not end well.
type ExitError struct {
	Code   int    // 128 and more for a signal
	Output string // the end of what it had to say
}

// Error is the code and the output.
func (e *ExitError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the program in the sandbox ended with %d: %s", e.Code, e.Output))
}

// Run starts this program in the box with the arguments args and hands it the payload. It calls tell for each line of what the program tells, and returns when it has
// ended, with an [ExitError] if that was not well. The end of ctx kills it, with all that it has started.
func (b *Box) Run(ctx context.Context, args []string, payload any, tell func(line []byte) error) error {
	p, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := json.Marshal(script{Box: b.dir, Layers: b.stage.layers, Masked: b.stage.masked, Dir: dir, Payload: p})
	if err != nil {
		return err
	}
	in, out, err := pipes()
	if err != nil {
		return err
	}
	defer closeAll(in[0], in[1], out[0], out[1])
	said := &tail{}
	c := exec.Command("/proc/self/exe", args...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), marker+"="+strconv.Itoa(scriptFD))
	c.ExtraFiles = []*os.File{in[0], out[1]}
	c.Stdout, c.Stderr = said, said
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL, // of the stage's thread, that is, of this process
		Setpgid:    true,            // a signal from the terminal is for the program outside
	}
	if err := b.stage.do(c.Start); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
	defer stop()
	closeAll(in[0], out[1])
	go func() {
		_, _ = in[1].Write(text) // a program that does not read it says why
		_ = in[1].Close()
	}()
	told := lines(out[0], tell)
	if told != nil {
		_ = c.Process.Kill()
	}
	err = c.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code := exit.ExitCode()
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			code = 128 + int(w.Signal())
		}
		err = &ExitError{Code: code, Output: said.String()}
	}
	return errors.Join(told, err)
}

func pipes() (in, out [2]*os.File, err error) {
	if in[0], in[1], err = os.Pipe(); err != nil {
		return in, out, err
	}
	if out[0], out[1], err = os.Pipe(); err != nil {
		closeAll(in[0], in[1])
	}
	return in, out, err
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// lines calls tell for each line of r.
func lines(r io.Reader, tell func([]byte) error) error {
	buffered := bufio.NewReader(r)
	for {
		line, err := buffered.ReadBytes('\n')
		if len(line) > 0 && err == nil { // a part of a line is of a program that was killed
			if err := tell(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// tail keeps the end of what is written.
type tail struct{ text []byte }

const tailSize = 4 << 10 // bytes

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }
