package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
)

// Holder is who holds the lock of a package manager.
type Holder struct {
	Lock string // the lock's file, or what the manager calls it
	PID  int    // 0: not known
	Name string // of the program
}

// String is "LOCK is held by process 123 (name)".
func (h Holder) String() string {
	switch {
	case h.PID == 0:
		return h.Lock + " is held by another process"
	case h.Name == "":
		return h.Lock + " is held by process " + strconv.Itoa(h.PID)
	}
	return fmt.Sprintf("%s is held by process %d (%s)", h.Lock, h.PID, h.Name)
}

// Session is one use of a package manager: it runs its commands, waits for its lock, and keeps what is worth telling.
type Session struct {
	host.Host
	Notes []string
	Ran   int // how many commands were run
	// Locked finds in what a command left whether it ended because of a held lock.
	Locked func(out host.Output) (Holder, bool)
}

// Note keeps a warning, once.
func (s *Session) Note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(s.Notes, text) {
		s.Notes = append(s.Notes, text)
	}
}

// ExitError is a command that ended with another code than 0.
type ExitError struct {
	Cmd    string // the command without its arguments: "apt-get install"
	Output host.Output
	Reason string // the lines that say why
}

// Error is "COMMAND: exit code N: REASON".
func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s: exit code %d", e.Cmd, e.Output.ExitCode)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// detailLines bounds [ExitError.Detail].
const detailLines = 10

// Detail is what dpkg printed last before it gave up: which package's script failed, and what that had to say. Of other failures the Reason says it all.
func (e *ExitError) Detail() string {
	told, _, ok := strings.Cut(string(e.Output.Stdout), "Errors were encountered while processing:")
	if !ok {
		return ""
	}
	return lastSaid(told)
}

// cutError is a command that was not let end.
type cutError struct {
	error
	out host.Output
}

func (e *cutError) Unwrap() error { return e.error }

// Detail is what it was at.
func (e *cutError) Detail() string { return lastSaid(string(e.out.Stdout)) }

// lastSaid is what a command said of the package that it was at.
func lastSaid(told string) string {
	var lines []string
	for line := range strings.Lines(told) {
		line = strings.TrimRight(line, "\r\n")
		line = line[1+strings.LastIndexByte(line, '\r'):] // of a progress, how far it came
		for _, begin := range []string{"Setting up ", "Preparing to unpack ", "Removing ", "Purging "} {
			if strings.HasPrefix(line, begin) { // the next package
				lines = nil
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-detailLines):], "\n")
}

// lockPoll is how often a held lock is tried again.
const lockPoll = time.Second

// Exec runs c. While another process holds the manager's lock it says so, waits and tries again, until ctx ends. A code other than 0 is an
// [ExitError] unless it is among ok.
func (s *Session) Exec(ctx context.Context, what string, c host.Cmd, ok ...int) (host.Output, error) {
	begin, waited := time.Now(), Holder{}
	for {
		s.Ran++
		out, err := s.Run(ctx, c)
		if err != nil {
			return out, failure(what, waited, &cutError{err, out})
		}
		holder, locked := s.holder(out)
		if !locked {
			if waited.Lock != "" {
				s.Note("waited %s: %s", time.Since(begin).Round(time.Second), waited)
			}
			return out, s.ended(what, out, ok)
		}
		if holder != waited { // told once, not each time it is tried
			resources.Tell(ctx, "waiting: "+holder.String())
		}
		waited = holder
		if err := s.wait(ctx); err != nil {
			return out, failure(what, holder, err)
		}
	}
}

func (s *Session) ended(what string, out host.Output, ok []int) error {
	if out.ExitCode == 0 || slices.Contains(ok, out.ExitCode) {
		return nil
	}
	return &ExitError{Cmd: what, Output: out, Reason: Reason(out)}
}

func (s *Session) holder(out host.Output) (Holder, bool) {
	if s.Locked == nil || out.ExitCode == 0 {
		return Holder{}, false
	}
	h, locked := s.Locked(out)
	if !locked {
		return h, false
	}
	if h.PID == 0 {
		h.PID = lockOwner(s.Host, h.Lock)
	}
	if h.PID != 0 && h.Name == "" {
		comm, err := host.ReadFile(s.Host, "/proc/"+strconv.Itoa(h.PID)+"/comm")
		if err == nil {
			h.Name = strings.TrimSpace(comm)
		}
	}
	return h, true
}

// failure is the error of a command that could not be run to its end; waited is for whom it had to wait before.
func failure(what string, waited Holder, err error) error {
	if waited.Lock != "" {
		err = fmt.Errorf("%s: %w", waited, err)
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		err = fmt.Errorf("%w; the attribute timeout gives it longer", err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *Session) wait(ctx context.Context) error {
	timer := time.NewTimer(lockPoll)
	defer timer.Stop()
	var err error
	waiting.For(ctx, func() {
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-timer.C:
		}
	})
	return err
}

// lockOwner returns the process that holds a POSIX lock on the file at name by /proc/locks; 0 if none does.
func lockOwner(v host.View, name string) int {
	st, err := v.Lstat(name)
	if err != nil || st.Kind != host.Regular {
		return 0
	}
	locks, err := host.ReadFile(v, "/proc/locks")
	if err != nil {
		return 0
	}
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) >= 6 && f[1] == "POSIX" && strings.HasSuffix(f[5], inode) {
			pid, _ := strconv.Atoi(f[4])
			return pid
		}
	}
	return 0
}

// maxReason bounds the reason that an ExitError quotes, in lines.
const maxReason = 6

// Reason picks the lines of a command's output that say why it failed: those that call themselves errors, else the last ones.
func Reason(out host.Output) string {
	var errs, all []string
	for _, text := range []string{string(out.Stderr), string(out.Stdout)} {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			all = append(all, line)
			low := strings.ToLower(line)
			if strings.HasPrefix(line, "E: ") || strings.Contains(low, "error") || strings.HasPrefix(low, "fail") {
				errs = append(errs, strings.TrimPrefix(line, "E: "))
			}
		}
		if len(errs) > 0 {
			break
		}
	}
	if len(errs) > maxReason {
		errs = errs[:maxReason]
	}
	if len(errs) == 0 {
		errs = all[max(0, len(all)-maxReason):]
	}
	return strings.Join(errs, "; ")
}

// Query runs a command that changes nothing and returns its output.
func Query(ctx context.Context, v host.View, what string, c host.Cmd) (host.Output, error) {
	out, err := v.Query(ctx, c)
	if err != nil {
		return out, fmt.Errorf("%s: %w", what, err)
	}
	if out.ExitCode != 0 {
		return out, &ExitError{Cmd: what, Output: out, Reason: Reason(out)}
	}
	if out.Truncated {
		return out, fmt.Errorf("%s: %w", what, errors.New("more output than can be kept"))
	}
	return out, nil
}
