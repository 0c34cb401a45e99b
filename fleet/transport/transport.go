// Package transport reaches nodes and runs commands on them: over ssh, spoken by this process itself, or by a program that is given (a Connector).
//
// A command is a line for the node's shell. Its standard output, standard error and exit code stay apart; every wait has a deadline.
package transport

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/sshclient"
)

// Target is a node as the inventory knows it. Empty values are filled from ssh_config.
type Target = sshclient.Target

// Dialer connects to nodes. It may be used by several goroutines.
type Dialer interface {
	Dial(ctx context.Context, t Target) (Conn, error)
	// Close ends what is kept for all nodes, such as connections to gateways.
	Close() error
}

// Conn is a connection to one node.
type Conn interface {
	// Run runs a command and waits for its end. A code other than 0 is no error. When ctx ends, the command gets SIGTERM, after Grace
	// SIGKILL, and the error is the cause.
	Run(ctx context.Context, c Command) (Exit, error)
	// Start runs a simple command of sh that the caller speaks with. The login shell may print before it.
	Start(line string) (Stream, error)
	Close() error
}

// Command is what a node's shell is to run.
type Command struct {
	Line   string
	Script bool          // a simple command of sh, whatever the user's shell is; what that prints before is no output of it
	Stdin  io.Reader     // nil: empty
	Stdout io.Writer     // nil: dropped
	Stderr io.Writer     // nil: dropped
	Grace  time.Duration // between SIGTERM and SIGKILL; default 2 s
}

// Patience is Grace, or its default.
func (c Command) Patience() time.Duration { return cmp.Or(c.Grace, 2*time.Second) }

// Exit is how a command ended.
type Exit struct {
	Code   int    // exit code, 128 and the number for death by a signal
	Signal string // its name without SIG, "" if none
}

// OutputError says that what a command printed could not be passed on here; the command was ended.
type OutputError struct{ Err error }

// Error is the reason alone.
func (e *OutputError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *OutputError) Unwrap() error { return e.Err }

// Errors that Dial and Run wrap.
var (
	ErrAuth = sshclient.ErrAuth
	ErrLost = errors.New("connection lost before the command ended")
)

// TimeoutError says what a deadline was for.
type TimeoutError = sshclient.TimeoutError

// Stream is a command that runs, with its standard input (Write) and standard output (Read).
type Stream interface {
	io.ReadWriteCloser // Close ends the stream; the command sees the end of its input. An error is that the node was not reached, or not to the end
	CloseWrite() error
	// Messages is the beginning of what the command wrote to standard error; to be asked for when Read has come to its end.
	Messages() string
}

// maxHead bounds what a Head keeps.
const maxHead = 4 << 10

// Head keeps the beginning of what is written, such as standard error. It may be used by several goroutines.
type Head struct {
	mu   sync.Mutex
	text []byte
}

// Write takes everything.
func (h *Head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p[:min(len(p), maxHead-len(h.text))]...)
	return len(p), nil
}

// String is what is kept, without blanks around it.
func (h *Head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(string(h.text))
}
