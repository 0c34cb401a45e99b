package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/source"
)

// run runs a program of one command.
func run(t *testing.T, do func(a *App, cmd *cobra.Command) error, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APPLY_CONFIG", config)
	var out, messages bytes.Buffer
	code = Main(func(a *App) *cobra.Command {
		cmd := &cobra.Command{Use: "apply", SilenceErrors: true, SilenceUsage: true}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return do(a, cmd) }
		a.AddReport(cmd.Flags(), "a report")
		return cmd
	}, args, nil, &out, &messages)
	return code, out.String(), messages.String()
}

type coded struct{ error }

func (coded) ExitCode() int { return 77 }

func TestExitCodes(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(a *App, cmd *cobra.Command) error
		want   int
		stderr string
	}{
		"done":               {func(*App, *cobra.Command) error { return nil }, 0, ""},
		"as the command has": {func(a *App, _ *cobra.Command) error { a.Code = Changed; return nil }, Changed, ""},
		"an error":           {func(*App, *cobra.Command) error { return errors.New("no") }, NotStarted, "apply: no\n"},
		"nobody reads on": {func(a *App, _ *cobra.Command) error {
			return &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}
		}, 0, ""},
		"another pipe": {func(a *App, _ *cobra.Command) error {
			return &fs.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
		}, NotStarted, "apply: write |1: broken pipe\n"},
		"after a run": {func(a *App, _ *cobra.Command) error { a.Ran, a.Code = true, Changed; return errors.New("no") }, Changed | Failed, "apply: no\n"},
		"usage":       {func(_ *App, cmd *cobra.Command) error { return usage.Error(cmd, errors.New("no")) }, NotStarted, "apply: no; see apply --help\n"},
		"locked":      {func(*App, *cobra.Command) error { return fmt.Errorf("x: %w", &journal.HeldError{PID: 7}) }, Locked, "7"},
		"untrusted":   {func(*App, *cobra.Command) error { return fmt.Errorf("it is %w", source.ErrUntrusted) }, Untrusted, "it is"},
		"with a code": {func(*App, *cobra.Command) error { return coded{errors.New("no")} }, 77, "apply: no\n"},
		"two errors":  {func(*App, *cobra.Command) error { return errors.Join(errors.New("no"), errors.New("\x1b[31mnor")) }, NotStarted, "apply: no\napply: \\x1b[31mnor\n"},
		"a panic":     {func(*App, *cobra.Command) error { panic("oh") }, NotStarted, "apply: internal error: oh\n"},
		"at the end":  {func(a *App, _ *cobra.Command) error { a.AtEnd(func() error { return errors.New("late") }); return nil }, NotStarted, "apply: late\n"},
		"sensitive": {func(a *App, _ *cobra.Command) error {
			a.Scrub.Add("hunter2hunter2")
			return errors.New("no hunter2hunter2")
		}, NotStarted, "apply: no (sensitive value)\n"},
		"warnings": {func(a *App, _ *cobra.Command) error { a.Note("one", "two"); a.Note("one"); return nil }, 0, "apply: warning: one\napply: warning: two\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, test.do)
			if code != test.want {
				t.Errorf("exit code %d, want %d", code, test.want)
			}
			if stdout != "" || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("printed %q and %q, want %q", stdout, stderr, test.stderr)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	code, _, stderr := run(t, func(a *App, cmd *cobra.Command) error {
		ctx, signals := a.Catch(cmd.Context())
		defer signals.End()
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-ctx.Done()
		if err := signals.Begin(); err == nil || signals.Number() != int(syscall.SIGTERM) {
			t.Errorf("it begins nevertheless: %v, signal %d", err, signals.Number())
		}
		return ctx.Err()
	})
	if diff := cmp.Diff("apply: terminated: nothing was touched\n", stderr); diff != "" || code != 143 {
		t.Errorf("exit code %d: %s", code, diff)
	}
}

// What was started by nohup goes on when its terminal is closed.
func TestNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	code, _, _ := run(t, func(a *App, cmd *cobra.Command) error {
		ctx, signals := a.Catch(cmd.Context())
		defer signals.End()
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if code != 143 {
		t.Errorf("exit code %d", code)
	}
}

func TestInterruptedWhileChanging(t *testing.T) {
	code, _, stderr := run(t, func(a *App, cmd *cobra.Command) error {
		ctx, signals := a.Catch(cmd.Context())
		defer signals.End()
		if err := signals.Begin(); err != nil {
			return err
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			return err
		}
		<-signals.Stop()
		if ctx.Err() != nil {
			t.Error("the first signal ends what runs")
		}
		a.Ran, a.Code = true, 130
		return nil
	})
	if diff := cmp.Diff("apply: interrupt: what runs is let finish; once more ends it\n", stderr); diff != "" || code != 130 {
		t.Errorf("exit code %d: %s", code, diff)
	}
}

func TestReports(t *testing.T) {
	dir := t.TempDir()
	private := filepath.Join(dir, "r.xml")
	if err := os.WriteFile(private, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, func(a *App, _ *cobra.Command) error {
		a.Scrub.Add("hunter2hunter2")
		return a.SaveReports(&report.Report{Manifest: "hunter2hunter2.hcl"})
	}, "--report", filepath.Join(dir, "r.json"), "--report", private)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for name, mode := range map[string]os.FileMode{"r.json": 0o644, "r.xml": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode || bytes.Contains(text, []byte("hunter2")) || !bytes.Contains(text, []byte("sensitive")) {
			t.Errorf("%s: mode %v\n%s", name, info.Mode(), text)
		}
	}
	touched := false
	code, _, stderr = run(t, func(*App, *cobra.Command) error { touched = true; return nil }, "--report", filepath.Join(dir, "r.txt"))
	if code != NotStarted || touched || !strings.Contains(stderr, "want a file that ends in") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// What a program ends with that the Go runtime gives up is none of its exit codes, of which 2 would say that something changed.
func TestPanicElsewhere(t *testing.T) {
	if os.Getenv("CLI_PANIC") != "" {
		run(t, func(*App, *cobra.Command) error {
			go panic("oh")
			select {}
		})
	}
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c 0; exec "$0" -test.run='^TestPanicElsewhere$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "CLI_PANIC=1")
	out, _ := cmd.CombinedOutput()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGABRT || !strings.Contains(string(out), "panic: oh") {
		t.Errorf("%v\n%s", cmd.ProcessState, out)
	}
}
