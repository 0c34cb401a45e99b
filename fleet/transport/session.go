package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet/shell"
)

// lag is how long a process that a command leaves behind may hold its output open without printing anything.
const lag = 2 * time.Second

// session runs a command in a channel of its own, and returns when it has ended and what it printed was passed on. What cannot be passed on cancels.
func (c *conn) session(cmd Command, id string, cancel context.CancelCauseFunc) (Exit, error) {
	ch, requests, err := c.client.OpenChannel("session", nil)
	if err != nil {
		return Exit{}, notBegun(err)
	}
	ended := make(chan ending, 1)
	var owned sync.WaitGroup
	owned.Go(func() { watch(requests, ended) })
	defer func() {
		ch.Close()
		cut := time.AfterFunc(closePatience, func() { c.client.Close() })
		owned.Wait()
		cut.Stop()
	}()
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Line string }{shell.Marked(cmd.Line, id, cmd.Script)}))
	if err == nil && !ok {
		err = errors.New("the node runs no commands")
	}
	if err != nil {
		return Exit{}, notBegun(err)
	}
	go func() { // ends with the input, which is the caller's to end
		if cmd.Stdin != nil {
			_, _ = io.Copy(ch, cmd.Stdin) // a command need not read its input
		}
		_ = ch.CloseWrite() // the channel may be closed
	}()
	stdout, stderr, tell := shell.Outputs(id, cmd.Script, cmd.Stdout, cmd.Stderr)
	var moved counter
	var outputs sync.WaitGroup
	outputs.Go(func() { _, _ = io.Copy(moved.of(passedOn(stdout, cancel)), ch) }) // passedOn keeps the error
	outputs.Go(func() { _, _ = io.Copy(moved.of(passedOn(stderr, cancel)), ch.Stderr()) })
	drained := make(chan struct{})
	owned.Go(func() {
		outputs.Wait()
		close(drained)
	})
	end := <-ended
	for quiet := false; !quiet; {
		before := moved.n.Load()
		select {
		case <-drained:
			tell()
			return end.exit, end.err
		case <-time.After(lag):
		}
		// The answer comes after all that the node had to say until then.
		_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
		quiet = err != nil || moved.n.Load() == before && moved.now.Load() == 0
	}
	return end.exit, end.err
}

// ending is how a command has ended.
type ending struct {
	exit Exit
	err  error
}

// watch tells how a command has ended, which the node says before its output has. Where it does not say it the connection was lost.
func watch(requests <-chan *ssh.Request, ended chan<- ending) {
	var once sync.Once
	tell := func(e ending) { once.Do(func() { ended <- e }) }
	for r := range requests {
		var status struct{ Code uint32 }
		var signal struct {
			Name          string
			Core          bool
			Message, Lang string
		}
		switch {
		case r.Type == "exit-status" && ssh.Unmarshal(r.Payload, &status) == nil:
			tell(ending{exit: Exit{Code: int(status.Code)}})
		case r.Type == "exit-signal" && ssh.Unmarshal(r.Payload, &signal) == nil:
			tell(ending{exit: Exit{Code: 128 + int(unix.SignalNum("SIG"+signal.Name)), Signal: signal.Name}})
		case r.WantReply:
			_ = r.Reply(false, nil) // of a connection that is lost
		}
	}
	tell(ending{err: ErrLost})
}

// counter knows whether output moves.
type counter struct {
	n   atomic.Int64 // pieces that were taken up or passed on
	now atomic.Int64 // pieces that are being passed on
}

func (c *counter) of(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		c.n.Add(1)
		c.now.Add(1)
		defer c.n.Add(1)
		defer c.now.Add(-1)
		return w.Write(p)
	})
}
