package exec

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

const (
	tailLines = 20
	tailBytes = 8 << 10 // of the last lines, in all
	lineBytes = 4 << 10 // a longer line is logged in pieces
)

// cmd is what is common to the command, the refresh and the guards.
func (e *Exec) cmd(c Command) host.Cmd {
	env := make([]string, 0, len(e.Environment))
	for _, key := range slices.Sorted(maps.Keys(e.Environment)) {
		env = append(env, key+"="+e.Environment[key])
	}
	return host.Cmd{
		Args: c.Argv(), Path: e.Path, Env: env, Dir: e.Cwd,
		User: string(e.User), Group: string(e.Group), Umask: e.Umask.bits(),
	}
}

// run runs c, the value of attr, and returns what it left behind, nil if it did not end by itself.
func (e *Exec) run(ctx context.Context, h host.Host, attr string, c Command) (*host.Output, error) {
	cmd := e.cmd(c)
	if e.Stdin != "" {
		cmd.Stdin = strings.NewReader(e.Stdin)
	}
	watch := &watcher{keep: e.LogOutput != LogNever}
	level := slog.LevelDebug
	if e.LogOutput == LogAlways {
		level = slog.LevelInfo
	}
	if log := resources.Log(ctx); watch.keep && log.Enabled(ctx, level) {
		watch.line = func(stderr bool, line string) {
			log.Log(ctx, level, line, "stream", map[bool]string{false: "stdout", true: "stderr"}[stderr])
		}
	}
	cmd.Stream = watch.write
	start := time.Now()
	out, err := h.Run(ctx, cmd)
	watch.flush()
	if err != nil {
		failure := &resources.CommandError{Err: err, Tail: watch.last(), Attr: attr}
		if ctx.Err() != nil {
			failure.Err = ended(ctx, start)
		} else if out.ExitCode == notExecutable || out.ExitCode == notThere {
			failure.ExitCode = out.ExitCode
		}
		return nil, failure
	}
	if slices.Contains(e.Returns, out.ExitCode) {
		return &out, nil
	}
	return &out, &resources.CommandError{ExitCode: out.ExitCode, Err: e.lookup(c, out), Tail: watch.last(), Attr: attr}
}

// ended says why a command that ran since start was not let end.
func ended(ctx context.Context, start time.Time) error {
	cause := context.Cause(ctx)
	if deadline, ok := ctx.Deadline(); ok && cause == context.DeadlineExceeded {
		return timeout(deadline.Sub(start).Round(10 * time.Millisecond))
	}
	return cause
}

// timeout is a deadline that passed so long after the command began.
type timeout time.Duration

func (t timeout) Error() string { return "timed out after " + time.Duration(t).String() }
func (timeout) Unwrap() error   { return context.DeadlineExceeded }

// The exit codes by which shells, and the host, say that a program could not be started.
const (
	notExecutable = 126
	notThere      = 127
)

// notFound matches what the shells say of a missing program.
var notFound = regexp.MustCompile(`(?m): ([^:\n]+): (?:command )?not found$`)

// lookup names the program that could not be started, and where it was looked for.
func (e *Exec) lookup(c Command, out host.Output) error {
	if out.ExitCode != notExecutable && out.ExitCode != notThere {
		return nil
	}
	program := c.Words()[0]
	if m := notFound.FindSubmatch(out.Stderr); m != nil {
		program = strings.ToValidUTF8(string(m[1]), "\ufffd")
	}
	reason := "not found"
	if out.ExitCode == notExecutable {
		reason = "cannot be executed"
	}
	if len(e.Path) == 0 {
		return fmt.Errorf("%s: %s (PATH is the default)", program, reason)
	}
	return fmt.Errorf("%s: %s (PATH is %s)", program, reason, strings.Join(e.Path, ":"))
}

// watcher sees the output while it is produced, logs it line by line and keeps its end. Its memory is bounded.
type watcher struct {
	keep bool
	line func(stderr bool, line string) // nil: not logged

	mu      sync.Mutex // the two streams come from two goroutines
	tail    []byte
	pending [2][]byte // the begun line of each stream
}

func (w *watcher) write(stderr bool, p []byte) {
	if !w.keep {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line != nil {
		w.split(stderr, p)
	}
	if len(p) >= tailBytes {
		w.tail = append(w.tail[:0], p[len(p)-tailBytes:]...)
		return
	}
	if w.tail = append(w.tail, p...); len(w.tail) > 4*tailBytes {
		w.tail = append(w.tail[:0], w.tail[len(w.tail)-tailBytes:]...)
	}
}

func (w *watcher) split(stderr bool, p []byte) {
	pending := &w.pending[0]
	if stderr {
		pending = &w.pending[1]
	}
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n')
		whole := n >= 0
		if !whole {
			n = len(p)
		}
		room := lineBytes - len(*pending)
		if n > room {
			n, whole = room, true
			*pending = append(*pending, p[:n]...)
			p = p[n:]
		} else {
			*pending = append(*pending, p[:n]...)
			p = p[min(len(p), n+1):]
		}
		if whole {
			w.line(stderr, text(*pending))
			*pending = (*pending)[:0]
		}
	}
}

// flush logs lines that the command did not end.
func (w *watcher) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, pending := range w.pending {
		if len(pending) > 0 {
			w.line(i == 1, text(pending))
		}
		w.pending[i] = nil
	}
}

// last returns the last lines of output.
func (w *watcher) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	tail := bytes.TrimRight(w.tail[max(0, len(w.tail)-tailBytes):], "\n")
	from := len(tail)
	for range tailLines {
		if from = bytes.LastIndexByte(tail[:from], '\n'); from < 0 {
			break
		}
	}
	return text(tail[from+1:])
}

func text(p []byte) string { return strings.ToValidUTF8(string(p), "\ufffd") }
