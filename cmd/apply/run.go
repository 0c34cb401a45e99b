package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/source"
)

// Exit codes beside those that a report gives.
const (
	exitOK         = 0
	exitNotStarted = 1
	exitChanged    = 2
	exitLocked     = 3
	exitFailed     = 4
	exitUntrusted  = 5
)

// app is one invocation: its streams and what its flags say.
type app struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	env     func(string) string
	flags   flags
	aside   *aside
	signals *interrupts // nil: signals do what they do by default
	ran     bool        // a run has ended: whatever is wrong from then on, the command did start
	code    int         // set by a command that ended by itself
	atEnd   []func() error

	reports []reportFile

	warnings []string // not told yet
}

// run is the program. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "apply: internal error: %v\n%s", p, debug.Stack())
			code = exitNotStarted // Go's own 2 would say "changed"
		}
	}()
	protect()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, aside: &aside{w: stderr}, env: os.Getenv}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	for _, end := range a.atEnd {
		err = errors.Join(err, end())
	}
	for _, w := range a.takeWarnings() {
		a.warn(errors.New(w))
	}
	if err != nil {
		return a.explain(err)
	}
	return a.code
}

// memoryLimit is when the collector begins to work for its bytes: below what the evaluation of a manifest may take at most, 1 GiB.
const memoryLimit = 900 << 20

// collectAt is by how many percent memory grows before it is collected: most of what a run allocates it keeps until its end. Go's own 100
// takes a tenth more of the processor, 400 half as much memory more for hardly anything.
const collectAt = 200

// protect sets what holds for the whole process.
func protect() {
	// What the program makes is private until its mode is set; modes are always set explicitly.
	syscall.Umask(0o077)
	debug.SetMemoryLimit(memoryLimit)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	// What the caller left open stays usable here (apply <(...)) and is not handed on to commands. Kernels before 5.11 do not know it.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// note keeps a warning for the report of the run, or, where there is none, for the end of the command. Each is told once.
func (a *app) note(warnings ...string) {
	for _, w := range warnings {
		if !slices.Contains(a.warnings, w) {
			a.warnings = append(a.warnings, w)
		}
	}
}

// takeWarnings returns the warnings that are to be told.
func (a *app) takeWarnings() []string {
	w := a.warnings
	a.warnings = nil
	return w
}

// warn tells of what went wrong beside the work: the run counts without it, as with its report or the lock's end.
func (a *app) warn(err error) {
	if err != nil {
		for line := range strings.Lines(a.flags.scrub.Scrub(err.Error())) {
			fmt.Fprintf(a.stderr, "apply: warning: %s\n", report.Printable(strings.TrimSuffix(line, "\n")))
		}
	}
}

// explain prints why the command did not do its work, and returns the exit code for it.
func (a *app) explain(err error) int {
	if s := a.interrupted(); s != 0 && !a.ran {
		fmt.Fprintf(a.stderr, "apply: %v: nothing was touched\n", s)
		return 128 + int(s)
	}
	var diags diag.List
	if errors.As(err, &diags) {
		a.printDiagnostics(diags)
	} else {
		fmt.Fprintf(a.stderr, "apply: %s\n", a.flags.scrub.Scrub(err.Error()))
	}
	var held *journal.HeldError
	var coded interface{ ExitCode() int }
	switch {
	case errors.As(err, &held):
		return exitLocked
	case errors.Is(err, source.ErrUntrusted):
		return exitUntrusted
	case errors.As(err, &coded):
		return coded.ExitCode()
	case a.ran:
		return a.code | exitFailed // not 1, which says that nothing was touched
	}
	return exitNotStarted
}

// printDiagnostics prints the mistakes of a manifest: as text to standard error, with --json one object a line to standard output.
func (a *app) printDiagnostics(l diag.List) {
	err := a.writeDiagnostics(l)
	if err != nil {
		fmt.Fprintf(a.stderr, "apply: %v\n", err)
	}
}

func (a *app) writeDiagnostics(l diag.List) error {
	if !a.flags.json {
		return l.WriteText(a.stderr, diag.TextOptions{Width: width(a.stderr), Color: a.color(a.stderr)})
	}
	for _, d := range l {
		b, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.stdout, "{\"event\":\"diagnostic\",%s\n", b[1:]); err != nil {
			return err
		}
	}
	return nil
}

// usageError says that the command line is wrong.
func usageError(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}
