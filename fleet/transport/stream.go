package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/fleet/shell"
)

// closePatience bounds the wait for what was started to end when its input has.
const closePatience = 3 * time.Second

// Start runs a line in a session of its own. It ends with the connection at the latest.
func (c *conn) Start(line string) (Stream, error) {
	session, err := c.client.NewSession()
	if err != nil {
		return nil, notBegun(err)
	}
	s := &sshStream{session: session, conn: c, done: make(chan struct{})}
	session.Stderr = &s.told
	if s.WriteCloser, err = session.StdinPipe(); err == nil {
		if s.Reader, err = session.StdoutPipe(); err == nil {
			err = session.Start(shell.Script(line))
		}
	}
	if err != nil {
		session.Close()
		return nil, notBegun(err)
	}
	c.owned.Go(func() {
		defer close(s.done)
		if _, ok := errors.AsType[*ssh.ExitMissingError](session.Wait()); ok { // of all else, how it ended is seen by what it said
			s.lost = ErrLost
		}
	})
	return s, nil
}

type sshStream struct {
	io.Reader
	io.WriteCloser
	told    Head
	session *ssh.Session
	conn    *conn
	done    chan struct{} // the command has ended
	lost    error         // the connection has ended before it; set before done is closed
}

// Messages is the beginning of standard error, of which the end may come after that of standard output.
func (s *sshStream) Messages() string {
	select {
	case <-s.done:
	case <-time.After(closePatience):
	}
	return s.told.String()
}

// CloseWrite is the end of the command's input.
func (s *sshStream) CloseWrite() error { return s.WriteCloser.Close() }

// Close ends the session, and tells where the connection was lost before. Where the node does not end it in time the connection is cut.
func (s *sshStream) Close() error {
	s.WriteCloser.Close()
	select {
	case <-s.done:
		return s.lost
	case <-time.After(closePatience):
	}
	s.session.Close()
	return s.conn.client.Close()
}

// Start starts the program.
func (p *program) Start(line string) (Stream, error) {
	s := &processStream{cmd: p.command(context.Background(), shell.Script(line))}
	s.cmd.Stderr, s.cmd.WaitDelay = &s.told, time.Second
	var err error
	if s.in, err = s.cmd.StdinPipe(); err == nil {
		if s.out, err = s.cmd.StdoutPipe(); err == nil {
			err = s.cmd.Start()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("connector: %w", err)
	}
	return s, nil
}

type processStream struct {
	told Head
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	once sync.Once
	lost error // the node was not reached, or is not any more
}

// Messages is the beginning of standard error.
func (s *processStream) Messages() string { return s.told.String() }

func (s *processStream) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *processStream) Write(p []byte) (int, error) { return s.in.Write(p) }

// CloseWrite is the end of the command's input.
func (s *processStream) CloseWrite() error { return s.in.Close() }

// Close ends the program, by force where the end of its input does not.
func (s *processStream) Close() error {
	s.once.Do(func() {
		s.in.Close()
		end := time.AfterFunc(closePatience, func() { syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) })
		defer end.Stop()
		_, _ = io.Copy(io.Discard, s.out)
		if err := s.cmd.Wait(); s.cmd.ProcessState.ExitCode() == unreached { // of all else, how it ended is seen by what it said
			_, s.lost = ended(err)
		}
	})
	return s.lost
}
