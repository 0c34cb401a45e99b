// Package command runs one program in a session of its own and leaves nothing of it behind when it has to be given up.
package command

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// grace is how long a command that was asked to end may take before it is killed.
const grace = 5 * time.Second

// Spec is one program to be run, with everything looked up.
type Spec struct {
	Program    string   // absolute
	Args       []string // with the program's own name
	Env        []string
	Dir        string
	Chroot     string // "" for none
	Credential *syscall.Credential
	Umask      int
	Stdin      io.Reader
	Stream     func(stderr bool, p []byte)
	MaxOutput  int
	Groups     *Groups // nil: no control groups
	Ends       bool    // it comes to its end where this process is killed
}

// Result is what the program left behind.
type Result struct {
	Stdout, Stderr []byte
	Truncated      bool
	ExitCode       int // 128+n for a signal n
}

// Run starts the program and waits for its end. When ctx ends all processes of the program's group are ended, and the error is the
// cause of ctx.
func Run(ctx context.Context, s Spec) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return Result{}, err
	}
	defer outR.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		_ = outW.Close()
		return Result{}, err
	}
	defer errR.Close()

	var mu sync.Mutex
	tell := func(stderr bool) func([]byte) {
		if s.Stream == nil {
			return nil
		}
		return func(p []byte) {
			mu.Lock()
			defer mu.Unlock()
			s.Stream(stderr, p)
		}
	}
	var readers sync.WaitGroup
	stdout := &drain{r: outR, keep: bounded{limit: s.MaxOutput}, tell: tell(false), wg: &readers}
	stderr := &drain{r: errR, keep: bounded{limit: s.MaxOutput}, tell: tell(true), wg: &readers}

	p := &process{spec: s, started: make(chan error, 1), exited: make(chan struct{}), reap: make(chan struct{}), ended: make(chan struct{})}
	go p.life(outW, errW)
	err = <-p.started
	_, _ = outW.Close(), errW.Close()
	if err != nil {
		<-p.ended
		return Result{}, err
	}
	readers.Add(2)
	go stdout.run()
	go stderr.run()

	cause := p.await(ctx)
	until := time.Now().Add(linger)
	_, _ = outR.SetReadDeadline(until), errR.SetReadDeadline(until)
	readers.Wait()
	close(p.reap)
	<-p.ended
	return Result{
		Stdout: stdout.keep.bytes(), Stderr: stderr.keep.bytes(),
		Truncated: stdout.keep.lost || stderr.keep.lost,
		ExitCode:  exitCode(p.cmd.ProcessState),
	}, cause
}

func exitCode(s *os.ProcessState) int {
	if s == nil {
		return -1
	}
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
