package resources

import (
	"fmt"
	"syscall"
)

// CommandError says that a command did not do what it should. Its text is the summary; the last lines of output are apart.
type CommandError struct {
	ExitCode int    // 128+n for a signal n
	Err      error  // why the command did not end by itself, or more about the exit code; nil if the code says it all
	Tail     string // the last lines of its output, both streams as they came; bounded in size
	Attr     string // the attribute that the command is of, "" if of none
}

// Error is "exit code 3", "exit code 137 (killed)" or, of a command that was not let end, the reason: "timed out after 1s".
func (e *CommandError) Error() string {
	if e.ExitCode == 0 && e.Err != nil {
		return e.Err.Error()
	}
	text := fmt.Sprintf("exit code %d", e.ExitCode)
	if n := e.ExitCode - 128; n > 0 && n < 65 {
		text += fmt.Sprintf(" (%s)", syscall.Signal(n))
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *CommandError) Unwrap() error { return e.Err }

// Detail returns the last lines of output, for the reader of the report.
func (e *CommandError) Detail() string { return e.Tail }

// Attribute returns the attribute whose place in the manifest the error is told with.
func (e *CommandError) Attribute() string { return e.Attr }
