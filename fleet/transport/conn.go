package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshclient"
)

// SSH is the Dialer that speaks ssh.
type SSH struct{ *sshclient.Dialer }

// Dial connects to a node and logs in. Its time begins when its gateway is connected.
func (d SSH) Dial(ctx context.Context, t Target) (Conn, error) {
	client, err := d.Dialer.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	return &conn{client: client, end: sshclient.KeepAlive(client)}, nil
}

// conn is a connection over ssh.
type conn struct {
	client *ssh.Client
	end    func() // of watching it
	once   sync.Once
	owned  sync.WaitGroup // who waits for sessions
}

// Close ends the connection.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.client.Close()
		c.end()
		c.owned.Wait()
	})
	return nil
}

// passedOn cancels what a command does when its output can be passed on no more: nobody would read the rest, and the command wait for that.
func passedOn(w io.Writer, cancel context.CancelCauseFunc) io.Writer {
	if w == nil {
		return nil
	}
	return writerFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		if err != nil {
			err = &OutputError{err}
			cancel(err)
		}
		return n, err
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// mark is the variable by which the processes of a command are found when they are to be ended: sshd does not pass signals on to what root runs.
const mark = "APPLY_FLEET_RUN"

// Run runs a command in a session of its own.
func (c *conn) Run(ctx context.Context, cmd Command) (Exit, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id := rand.Text()
	done := make(chan error, 1)
	go func() {
		s, err := c.client.NewSession()
		if err != nil {
			done <- notBegun(err)
			return
		}
		defer s.Close()
		s.Stdin, s.Stdout, s.Stderr = cmd.Stdin, passedOn(cmd.Stdout, cancel), passedOn(cmd.Stderr, cancel)
		if err := s.Start(fmt.Sprintf(`exec env %s=%s "$SHELL" -c %s`, mark, id, quoteAlways(cmd.Line))); err != nil {
			done <- notBegun(err)
			return
		}
		err = s.Wait()
		if errors.Is(err, io.EOF) { // it ended well, and has not read all of its input
			err = nil
		}
		done <- err
	}()
	select {
	case err := <-done:
		if out, ok := errors.AsType[*OutputError](context.Cause(ctx)); ok {
			return Exit{}, out
		}
		return c.exit(err)
	case <-ctx.Done():
	}
	c.finish(id, cmd.grace())
	select {
	case <-done:
	case <-time.After(time.Second):
		c.client.Close()
		<-done
	}
	return Exit{}, context.Cause(ctx)
}

// finishPatience bounds the wait for a command to be ended, beyond its grace.
const finishPatience = 3 * time.Second

// finishLine ends every process with the mark $1, what outlives the command too: by SIGTERM, and where one is still there after $2 fifths of a second by SIGKILL.
// It does so without the seat, which may be gone by then.
const finishLine = `trap "" HUP PIPE
end() { for f in $(grep -ls "$2" /proc/[0-9]*/environ); do f=${f#/proc/}; kill "-$1" "${f%/environ}"; done 2>/dev/null; }
end TERM "$1"
n=$2
while [ "$n" -gt 0 ] && grep -qs "$1" /proc/[0-9]*/environ; do sleep 0.2 2>/dev/null || sleep 1; n=$((n - 1)); done
end KILL "$1"; :`

// finish ends every process of a command. When that cannot be done in time the connection is cut.
func (c *conn) finish(id string, grace time.Duration) {
	giveUp := time.AfterFunc(grace+finishPatience, func() { c.client.Close() })
	defer giveUp.Stop()
	s, err := c.client.NewSession()
	if err != nil {
		return // the connection is lost, and the command with it
	}
	defer s.Close()
	line := Line([]string{"sh", "-c", finishLine, "end", mark + "=" + id, strconv.Itoa(int(grace / (time.Second / 5)))})
	s.Run("exec " + line) // a process that has ended meanwhile is no error
}

// notBegun is why a session is none. Of a connection that has ended all that is said is io.EOF.
func notBegun(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrLost
	}
	return fmt.Errorf("session: %w", err)
}

// exit tells the end of a command from the end of the connection.
func (c *conn) exit(err error) (Exit, error) {
	var ended *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case err == nil:
		return Exit{}, nil
	case errors.As(err, &ended):
		return Exit{Code: ended.ExitStatus(), Signal: ended.Signal()}, nil
	case errors.As(err, &missing):
		return Exit{}, ErrLost
	}
	return Exit{}, err
}
