package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A node is asked whether it is still there this often, and given up after this long without an answer.
const (
	keepAliveEvery    = 10 * time.Second
	keepAlivePatience = 20 * time.Second
)

// conn is a connection over ssh.
type conn struct {
	client *ssh.Client
	closed chan struct{}
	once   sync.Once
	owned  sync.WaitGroup
}

func newConn(client *ssh.Client) *conn {
	c := &conn{client: client, closed: make(chan struct{})}
	c.owned.Go(c.keepAlive)
	return c
}

// keepAlive closes the connection to a node that no longer answers: TCP alone would wait for hours.
func (c *conn) keepAlive() {
	t := time.NewTicker(keepAliveEvery)
	defer t.Stop()
	for {
		select {
		case <-c.closed:
			return
		case <-t.C:
		}
		giveUp := time.AfterFunc(keepAlivePatience, func() { c.client.Close() })
		_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
		giveUp.Stop()
		if err != nil {
			return
		}
	}
}

// Close ends the connection.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.client.Close()
		c.owned.Wait()
	})
	return nil
}

// Run runs a command in a session of its own.
func (c *conn) Run(ctx context.Context, cmd Command) (Exit, error) {
	session := make(chan *ssh.Session, 1)
	done := make(chan error, 1)
	go func() {
		s, err := c.client.NewSession()
		if err != nil {
			done <- fmt.Errorf("session: %w", err)
			return
		}
		defer s.Close()
		s.Stdin, s.Stdout, s.Stderr = cmd.Stdin, cmd.Stdout, cmd.Stderr
		if err = s.Start(cmd.Line); err == nil {
			session <- s
			err = s.Wait()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return c.exit(err)
	case <-ctx.Done():
	}
	c.end(session, done, cmd.grace())
	return Exit{}, context.Cause(ctx)
}

// end asks the command to end, then kills it, then cuts the connection, and waits for the goroutine of Run.
func (c *conn) end(session <-chan *ssh.Session, done <-chan error, grace time.Duration) {
	var s *ssh.Session
	select {
	case s = <-session:
		s.Signal(ssh.SIGTERM) // of a connection that is gone: it is cut below
		select {
		case <-done:
			return
		case <-time.After(grace):
		}
		s.Signal(ssh.SIGKILL)
		select {
		case <-done:
			return
		case <-time.After(time.Second):
		}
	case <-done:
		return
	default: // the session does not even begin
	}
	c.client.Close()
	<-done
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
