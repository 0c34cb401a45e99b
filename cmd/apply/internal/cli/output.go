package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/jsonl"
	"github.com/nodeapply/apply/report/screen"
	"github.com/nodeapply/apply/report/text"
)

// colored says whether w gets colours.
func (a *App) colored(w io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	return a.Env("NO_COLOR") == "" && a.Env("TERM") != "dumb" && IsTerminal(w)
}

// IsTerminal tells whether w is one.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is the number of columns of the terminal w; 0 where it is none: what reads a message from a pipe finds its words on one line.
func width(w io.Writer) int {
	if !IsTerminal(w) {
		return 0
	}
	columns, _ := Screen(w)
	return columns
}

// PrintText prints a text that people read. On a terminal its long lines are broken between words.
func (a *App) PrintText(text string) error {
	if columns := width(a.Stdout); columns > 0 {
		text = screen.Wrap(text, columns)
	}
	_, err := io.WriteString(a.Stdout, text)
	return err
}

// help prints the help of commands as that of cmd is made, for the terminal.
func (a *App) help(cmd *cobra.Command) {
	print := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		var text strings.Builder
		cmd.SetOut(&text)
		print(cmd, args)
		cmd.SetOut(a.Stdout)
		_ = a.PrintText(text.String()) // as cobra does
	})
}

// Screen is how many columns and rows the terminal w has, 80 and 24 where it is none or does not say.
func Screen(w io.Writer) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return 80, 24
}

// Printer is what a run is told to.
type Printer interface {
	report.Events
	// Close ends what End has not, and returns the first error of writing.
	Close() error
}

// Printer returns the printer that the flags ask for.
func (a *App) Printer() Printer {
	if a.JSON {
		return jsonl.New(a.Stdout)
	}
	o := text.Options{Color: a.colored(a.Stdout), Verbose: a.Verbose, Makes: func() []string { return a.Makes }, Flagged: a.flagged, Saved: a.Saved}
	if IsTerminal(a.Stdout) && a.Env("TERM") != "dumb" {
		o.Screen = func() (columns, rows int) { return Screen(a.Stdout) }
	}
	p := text.New(a.Stdout, o)
	a.aside.through(p.Beside)
	return p
}

// Unread is an error, unless all it says is that who reads standard output has seen enough.
func Unread(err error) error {
	if write, ok := errors.AsType[*fs.PathError](err); ok && write.Err == syscall.EPIPE && write.Path == os.Stdout.Name() && err.Error() == write.Error() {
		return nil
	}
	return err
}

// Print prints a report that is whole.
func (a *App) Print(r *report.Report) error {
	p := a.Printer()
	p.Begin(r)
	for _, res := range r.Results {
		p.Ended(res)
	}
	p.End(r)
	return p.Close()
}

// PrintJSON prints an object on a line of its own.
func (a *App) PrintJSON(object any) error { return WriteJSON(a.Stdout, object) }

// WriteJSON writes an object on a line of its own.
func WriteJSON(w io.Writer, object any) error {
	b, err := report.JSON(object)
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}

// PrintUnit prints a systemd unit.
func (a *App) PrintUnit(text string) error {
	if a.JSON {
		return a.PrintJSON(map[string]string{"event": "unit", "unit": text})
	}
	_, err := io.WriteString(a.Stdout, text)
	return err
}

// Logger logs to standard error, without what is sensitive.
func (a *App) Logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(a.logLevel)) // the flag takes no others
	return slog.New(slog.NewTextHandler(scrubbed{a}, &slog.HandlerOptions{Level: level}))
}

// scrubbed writes to standard error what the scrubber leaves.
type scrubbed struct{ a *App }

func (s scrubbed) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.a.aside, s.a.Scrub.Scrub(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// PrintDiagnostics prints the mistakes of a manifest: as text to standard error, with --json one object a line to standard output.
func (a *App) PrintDiagnostics(l diag.List) {
	err := a.WriteDiagnostics(l)
	if err != nil {
		fmt.Fprintf(a.Stderr, "apply: %v\n", err)
	}
}

// UnknownNode begins the note that the manifest was not held against all that the node has.
const UnknownNode = "what belongs to packages or services is not known: "

// WriteDiagnostics is PrintDiagnostics with the error of writing.
func (a *App) WriteDiagnostics(l diag.List) error {
	if !a.JSON {
		return l.WriteText(a.Stderr, diag.TextOptions{Width: width(a.Stderr), Color: a.colored(a.Stderr)})
	}
	for _, d := range l {
		b, err := report.JSON(d)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.Stdout, "{\"event\":\"diagnostic\",%s\n", b[1:]); err != nil {
			return err
		}
	}
	return nil
}
