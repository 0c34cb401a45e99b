// Package cli is what every command shares: the program's streams, the flags that all commands have, signals, warnings, printers, report files, and what
// the exit code is.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/cmd/apply/internal/collector"
	"github.com/nodeapply/apply/cmd/apply/internal/interrupt"
	"github.com/nodeapply/apply/cmd/apply/internal/settings"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/scrub"
	"github.com/nodeapply/apply/source"
)

// Exit codes beside those that a report gives.
const (
	NotStarted = 1 // nothing was touched
	Changed    = 2
	Locked     = 3
	Failed     = 4
	Untrusted  = 5
)

// App is one invocation of the program.
type App struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Env    func(string) string
	Scrub  scrub.Scrubber // knows the sensitive values

	JSON  bool   // --json
	State string // the state folder that was asked for; empty: the default one
	Ran   bool   // a run has ended: whatever is wrong from then on, the command did start
	Code  int    // set by a command that ended by itself

	Makes []string // the command that makes the changes of the plan that this one prints; nil: apply PATH; empty: none
	Saved bool     // a saved plan is carried out

	color, logLevel, profile string
	Verbose                  bool // unchanged resources too
	flagged                  bool // see shapes
	reports                  []string

	aside    *aside
	signals  *interrupt.Signals // nil: signals do what they do by default
	atEnd    []func() error
	warnings []string // not told yet
}

// Main is the program, of the commands that root makes. It returns the exit code.
func Main(root func(*App) *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "apply: internal error: %v\n%s", p, debug.Stack())
			code = NotStarted // Go's own 2 would say "changed"
		}
	}()
	protect()
	a := &App{Stdin: stdin, Stdout: stdout, Stderr: stderr, aside: &aside{w: stderr}, Env: os.Getenv}
	cmd := root(a)
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetFlagErrorFunc(usage.Flag)
	a.addFlags(cmd)
	usage.Arguments(cmd)
	a.help(cmd)
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) }
	err := Unread(cmd.ExecuteContext(context.Background()))
	for _, end := range a.atEnd {
		err = errors.Join(err, end())
	}
	for _, w := range a.TakeWarnings() {
		a.Warn(errors.New(w))
	}
	if err != nil {
		return a.explain(err)
	}
	return a.Code
}

// protect sets what holds for the whole process.
func protect() {
	// That nobody reads the output any more is an error of writing it, in every command the same: see Unread.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// What the program makes is private until its mode is set; modes are always set explicitly.
	syscall.Umask(0o077)
	collector.Begin()
	// What the Go runtime gives up for (no memory, no thread) ends with its 2 otherwise, which would say "changed".
	debug.SetTraceback("crash")
	// What the caller left open stays usable here (apply <(...)) and is not handed on to commands. Kernels before 5.11 do not know it.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// prepare takes over what environment and configuration say of flags, finds out whether the reports can be written, and begins the profile.
func (a *App) prepare(cmd *cobra.Command) error {
	a.flagged = shapes(cmd.Flags())
	if err := settings.Apply(cmd, a.Env); err != nil {
		return err
	}
	if err := a.prepareReports(cmd); err != nil {
		return err
	}
	if a.profile == "" {
		return nil
	}
	end, err := profile(a.profile)
	if err == nil {
		a.AtEnd(end)
	}
	return err
}

// AtEnd calls end when the command has ended. Its error is the program's.
func (a *App) AtEnd(end func() error) { a.atEnd = append(a.atEnd, end) }

// Note keeps a warning for the report of the run, or, where there is none, for the end of the command. Each is told once.
func (a *App) Note(warnings ...string) {
	for _, w := range warnings {
		if !slices.Contains(a.warnings, w) {
			a.warnings = append(a.warnings, w)
		}
	}
}

// TakeWarnings returns the warnings that are to be told.
func (a *App) TakeWarnings() []string {
	w := a.warnings
	a.warnings = nil
	return w
}

// Warn tells at once of what went wrong beside the work: the run counts without it, as with its report or the lock's end. A nil error is none.
func (a *App) Warn(err error) {
	if err != nil {
		a.complain("warning: ", err)
	}
}

// complain prints what went wrong, each line of it with the program's name.
func (a *App) complain(prefix string, err error) {
	for line := range strings.Lines(a.Scrub.Scrub(err.Error())) {
		fmt.Fprintf(a.Stderr, "apply: %s%s\n", prefix, report.Printable(strings.TrimSuffix(line, "\n")))
	}
}

// explain prints why the command did not do its work, and returns the exit code for it.
func (a *App) explain(err error) int {
	if s := a.interrupted(); s != 0 && !a.Ran {
		fmt.Fprintf(a.Stderr, "apply: %v: nothing was touched\n", s)
		return 128 + int(s)
	}
	if diags, ok := errors.AsType[diag.List](err); ok {
		a.PrintDiagnostics(diags)
	} else {
		a.complain("", err)
	}
	var held *journal.HeldError
	var coded interface{ ExitCode() int }
	switch {
	case errors.As(err, &held):
		return Locked
	case errors.Is(err, source.ErrUntrusted):
		return Untrusted
	case errors.As(err, &coded):
		return coded.ExitCode()
	case a.Ran:
		return a.Code | Failed // not 1, which says that nothing was touched
	}
	return NotStarted
}
