//go:build linux && amd64

// Package ptrace runs a program and stops it, with all its threads and children, before each system call that changes something.
//
// Calls are counted over all of them in the order in which they are made: at the k-th a test kills the program, gives the call an error in
// its place, or does something itself. A seccomp filter makes the kernel stop at the calls of [calls] only, so that the rest runs at full speed.
package ptrace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Call is one system call about to be made.
type Call struct {
	N    int    // its number among those that were selected, from 1
	Name string // such as renameat
	Path string // of the file that it is about, as far as can be told
	Own  bool   // made by the program itself, not by a child
	PID  int    // of who makes it
	// Changes says that the call may change something: others are calls that only open.
	Changes bool
}

func (c Call) String() string {
	who := ""
	if !c.Own {
		who = " of a child"
	}
	return fmt.Sprintf("call %d: %s %s%s", c.N, c.Name, c.Path, who)
}

// Verdict says what becomes of a call. The zero value lets it be made.
type Verdict struct {
	Kill  bool          // the program dies (SIGKILL) before the call
	Errno syscall.Errno // what the call returns without being made, 0: it is made
}

// Options say what is run and when it is stopped.
type Options struct {
	Args   []string // Args[0] is an absolute name
	Env    []string
	Dir    string
	Select func(Call) bool // which calls count; default: those that change something
	At     func(Call) Verdict
}

// Result is how the program ended.
type Result struct {
	Calls     []Call
	ExitCode  int // 128+n for a signal n
	Output    string
	Survivors []string // command lines of processes that were there linger after the program's end
}

// trampoline is the zeroth argument by which this program, started again, installs the filter and becomes the program that is traced.
const trampoline = "fault-trampoline"

// Main must be called first in main or TestMain of a program that uses [Run]. It does not return where the program was started as a trampoline.
func Main() {
	if os.Args[0] != trampoline {
		return
	}
	runtime.LockOSThread()
	err := installFilter()
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
	os.Exit(126)
}

// linger is how long children may outlive the program before they are counted as survivors and killed: one that ends by itself may wait long for a
// busy machine to let it.
const linger = 10 * time.Second

// Run runs the program to its end. When ctx ends, it is killed and the cause returned.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Select == nil {
		o.Select = func(c Call) bool { return c.Changes }
	}
	t := &tracer{opts: o, seen: map[int]bool{}, groups: map[int]bool{}}
	r, w, err := os.Pipe()
	if err != nil {
		return Result{}, err
	}
	var output strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&output, r) // ends by the deadline below if a survivor holds the other end
	}()
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the tracer is a thread
		err := t.start(w)
		w.Close()
		if err == nil {
			err = t.loop()
		}
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-ctx.Done():
		t.killAll()
		err = errors.Join(context.Cause(ctx), <-ended)
	}
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	<-read
	t.result.Output = output.String()
	return t.result, errors.Join(err, r.Close())
}

// tracer follows one program. All but killAll runs on one thread.
type tracer struct {
	opts    Options
	result  Result
	main    int
	running bool  // the program itself runs, no longer the trampoline
	dead    bool  // the program has ended
	held    []int // threads that stay before their call until it has

	mu     sync.Mutex
	seen   map[int]bool // threads
	groups map[int]bool // processes
}

func (t *tracer) start(out *os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess(self, append([]string{trampoline}, t.opts.Args...), &os.ProcAttr{
		Dir: t.opts.Dir, Env: t.opts.Env, Files: []*os.File{null, out, out}, Sys: &syscall.SysProcAttr{Ptrace: true, Setsid: true},
	})
	if err != nil {
		return err
	}
	t.main = p.Pid
	_ = p.Release()
	var ws unix.WaitStatus
	if _, err := unix.Wait4(t.main, &ws, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	if !ws.Stopped() {
		return fmt.Errorf("%s: did not start (%v)", t.opts.Args[0], ws)
	}
	t.track(t.main)
	const follow = unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.main, follow); err != nil {
		return fmt.Errorf("ptrace: %w", err)
	}
	return unix.PtraceCont(t.main, 0)
}

// loop handles what happens until no traced process is left.
func (t *tracer) loop() error {
	var end *time.Timer
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			if end != nil {
				end.Stop()
			}
			return nil
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case ws.Stopped():
			t.stopped(tid, ws)
			continue
		}
		t.forget(tid)
		if tid == t.main {
			t.dead = true
			t.result.ExitCode = ws.ExitStatus()
			if ws.Signaled() {
				t.result.ExitCode = 128 + int(ws.Signal())
			}
			for _, held := range t.held {
				_ = unix.PtraceCont(held, 0)
			}
			end = time.AfterFunc(linger, t.survivors)
		}
	}
}

// stopped goes on with a thread that has stopped. A thread that died meanwhile is told by the next wait.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) {
	sig := ws.StopSignal()
	switch {
	case sig == unix.SIGTRAP && ws.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		if t.before(tid) {
			return
		}
		sig = 0
	case sig == unix.SIGTRAP && ws.TrapCause() > 0:
		t.running = t.running || tid == t.main && ws.TrapCause() == unix.PTRACE_EVENT_EXEC
		sig = 0
	case sig == unix.SIGSTOP: // how a new thread begins; nobody else stops one
		t.track(tid)
		sig = 0
	case sig == unix.SIGTRAP && !t.running: // the start of the trampoline
		sig = 0
	}
	_ = unix.PtraceCont(tid, int(sig))
}

// before judges the call that a thread is about to make; held: it does not go on now.
func (t *tracer) before(tid int) (held bool) {
	t.track(tid)
	if !t.running || t.dead {
		return false
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return false
	}
	c, ok := describe(tid, &regs)
	if !ok {
		return false
	}
	c.PID = processOf(tid)
	c.Own = c.PID == t.main
	c.N = len(t.result.Calls) + 1
	if !t.opts.Select(c) {
		return false
	}
	t.result.Calls = append(t.result.Calls, c)
	if t.opts.At == nil {
		return false
	}
	v := t.opts.At(c)
	switch {
	case v.Kill:
		t.held = append(t.held, tid)
		_ = unix.Kill(t.main, unix.SIGKILL)
		return true
	case v.Errno != 0:
		regs.Orig_rax = ^uint64(0) // no call has this number
		regs.Rax = -uint64(v.Errno)
		_ = unix.PtraceSetRegs(tid, &regs)
	}
	return false
}

// track remembers a thread.
func (t *tracer) track(tid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen[tid] {
		return
	}
	t.seen[tid] = true
	t.groups[processOf(tid)] = true
}

func (t *tracer) forget(tid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.seen, tid)
	delete(t.groups, tid)
}

// survivors records who outlived the program, and ends it.
func (t *tracer) survivors() {
	t.mu.Lock()
	for pid := range t.groups {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && len(b) > 0 {
			t.result.Survivors = append(t.result.Survivors, strings.TrimRight(strings.ReplaceAll(string(b), "\x00", " "), " "))
		}
	}
	slices.Sort(t.result.Survivors)
	t.mu.Unlock()
	t.killAll()
}

func (t *tracer) killAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for pid := range t.groups {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// processOf returns the process that a thread belongs to.
func processOf(tid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return tid
	}
	_, rest, _ := strings.Cut(string(b), "\nTgid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	if pid, err := strconv.Atoi(line); err == nil {
		return pid
	}
	return tid
}
