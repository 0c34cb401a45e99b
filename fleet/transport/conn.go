package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/fleet/shell"
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

// Run runs a command in a session of its own.
func (c *conn) Run(ctx context.Context, cmd Command) (Exit, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id := rand.Text()
	done := make(chan error, 1)
	var exit Exit
	go func() {
		var err error
		exit, err = c.session(cmd, id, cancel)
		done <- err
	}()
	select {
	case err := <-done:
		if out, ok := errors.AsType[*OutputError](context.Cause(ctx)); ok {
			return Exit{}, out
		}
		return exit, err
	case <-ctx.Done():
	}
	c.finish(id, cmd.Patience())
	select {
	case <-done:
	case <-time.After(time.Second):
		c.client.Close()
		<-done
	}
	return Exit{}, context.Cause(ctx)
}

// finish ends every process of a command. When that cannot be done in time the connection is cut.
func (c *conn) finish(id string, grace time.Duration) {
	giveUp := time.AfterFunc(grace+shell.FinishPatience, func() { c.client.Close() })
	defer giveUp.Stop()
	s, err := c.client.NewSession()
	if err != nil {
		return // the connection is lost, and the command with it
	}
	defer s.Close()
	s.Run(shell.Finishing(id, grace)) // a process that has ended meanwhile is no error
}

// notBegun is why a session is none. Of a connection that has ended all that is said is io.EOF.
func notBegun(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrLost
	}
	return fmt.Errorf("session: %w", err)
}
