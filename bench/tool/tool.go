// Package tool writes the same desired state in the languages of apply and of its peers, and knows how each is run.
package tool

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/bench/state"
)

// Tool is one program that brings a machine to a state.
type Tool interface {
	// Name is what the tool is called.
	Name() string
	// Program is what must be there to run it.
	Program() string
	// Write writes s in the tool's language into the folder dir.
	Write(dir string, s *state.State) error
	// Command is the command that brings the machine to what Write wrote to dir, and its environment beside PATH.
	Command(dir string) (args, env []string)
	// Ended says what a run's exit code and output mean: whether it went well and whether it reports a change.
	Ended(exit int, out []byte) (ok, changed bool)
}

// ErrUnsupported is wrapped where a tool cannot be given a state.
var ErrUnsupported = errors.New("not possible")

// Peers are the tools that apply is compared with.
func Peers() []Tool { return []Tool{puppet{}, ansible{}, cfengine{}, itamae{}} }

// text is a file under way.
type text struct {
	*bufio.Writer
	f *os.File
}

func create(dir, name string) (*text, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &text{bufio.NewWriterSize(f, 1<<20), f}, nil
}

func (t *text) put(format string, args ...any) { fmt.Fprintf(t, format, args...) }

func (t *text) close() error { return errors.Join(t.Flush(), t.f.Close()) }

// whole makes the file name in dir.
func whole(dir, name, content string) error {
	t, err := create(dir, name)
	if err != nil {
		return err
	}
	_, _ = t.WriteString(content) // a bufio.Writer keeps its error for Flush
	return t.close()
}

// write makes the file name in dir: head, then body for each entry, then tail.
func write(dir, name, head, tail string, s *state.State, body func(t *text, e state.Entry)) error {
	t, err := create(dir, name)
	if err != nil {
		return err
	}
	_, _ = t.WriteString(head)
	for e := range s.Entries {
		body(t, e)
	}
	_, _ = t.WriteString(tail)
	return t.close()
}

func contains(out []byte, words ...string) bool {
	for _, w := range words {
		if strings.Contains(string(out), w) {
			return true
		}
	}
	return false
}
