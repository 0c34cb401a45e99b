package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// cancelPatience is how long a call that was cancelled may take to end.
const cancelPatience = 5 * time.Second

// Call asks the other side to do something and waits until it has ended. When ctx ends the other side is told so, and the error is the cause; where it does
// not end the call within patience beyond 5 s it is left to itself.
func (p *Peer) Call(ctx context.Context, do string, args any, s Streams, patience time.Duration) (End, error) {
	text, err := json.Marshal(args)
	if err == nil {
		text, err = json.Marshal(request{do, text})
	}
	if err != nil || len(text) > maxJSON {
		return End{}, errors.Join(fmt.Errorf("%s: the arguments cannot be sent", do), err)
	}
	c := &calling{newInbox(), newAllowance(), make(chan End, 1)}
	p.mu.Lock()
	p.next++
	id := p.next
	if err = p.err; err == nil {
		p.mine[id] = c
	}
	p.mu.Unlock()
	if err == nil {
		err = p.send(frame{open, id, text})
	}
	if err != nil {
		return End{}, errors.Join(ErrLost, err)
	}
	fed := make(chan error, 1)
	go func() { fed <- p.feed(id, c, s.Stdin) }()
	stop := context.AfterFunc(ctx, func() { p.abandon(id, c, patience) })
	defer stop()
	writeErr := p.drain(id, c, s, patience)
	e, ok := <-c.end
	if closer, ok := s.Stdin.(io.Closer); ok {
		closer.Close()
	}
	inputErr := <-fed
	switch {
	case ctx.Err() != nil && (!ok || e.Error != ""):
		return End{}, context.Cause(ctx)
	case writeErr != nil:
		return End{}, writeErr
	case !ok:
		return End{}, ErrLost
	case inputErr != nil:
		return End{}, inputErr
	case e.Error != "":
		return End{}, errors.New(e.Error)
	}
	return e, nil
}

// Ask is a call whose standard output is JSON of at most limit bytes, which is read into answer.
func (p *Peer) Ask(ctx context.Context, do string, args, answer any, limit int) error {
	text := bounded{limit: limit}
	if _, err := p.Call(ctx, do, args, Streams{Stdout: &text}, 0); err != nil {
		return err
	}
	if err := json.Unmarshal(text.Bytes(), answer); err != nil {
		return fmt.Errorf("%s: the answer: %w", do, err)
	}
	return nil
}

// bounded is a buffer that refuses what is over a limit.
type bounded struct {
	bytes.Buffer
	limit int
}

// Write takes what is within the limit.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, fmt.Errorf("an answer over the limit of %d bytes", b.limit)
	}
	return b.Buffer.Write(p)
}

// abandon asks for the end of a call, and forgets it when none comes.
func (p *Peer) abandon(id uint32, c *calling, patience time.Duration) {
	time.AfterFunc(patience+cancelPatience, func() {
		p.mu.Lock()
		forgotten := p.mine[id] == c
		if forgotten {
			delete(p.mine, id)
			c.out.close(ErrLost)
			c.allow.close(ErrLost)
			close(c.end)
		}
		p.mu.Unlock()
		if forgotten {
			_ = p.send(frame{cancel, id, nil})
		}
	})
	_ = p.send(frame{cancel, id, nil}) // a connection that is lost ends the call too
}

// feed sends the input. Where that cannot be read to its end the call is cancelled: half of it must not pass for the whole.
func (p *Peer) feed(id uint32, c *calling, stdin io.Reader) error {
	if stdin == nil {
		_ = p.send(frame{inputEnd, id, nil})
		return nil
	}
	w := &writer{peer: p, kind: input, call: id, allow: c.allow}
	_, err := io.Copy(onlyWriter{w}, stdin)
	switch {
	case w.failed || errors.Is(err, io.ErrClosedPipe):
		return nil // the call has ended, which says why
	case err != nil:
		_ = p.send(frame{cancel, id, nil})
		return fmt.Errorf("input: %w", err)
	}
	_ = p.send(frame{inputEnd, id, nil})
	return nil
}

// onlyWriter makes io.Copy take pieces that are no larger than its buffer.
type onlyWriter struct{ io.Writer }

// drain passes the output on until it ends. What cannot be passed on any more is dropped, and the call cancelled.
func (p *Peer) drain(id uint32, c *calling, s Streams, patience time.Duration) (failed error) {
	for {
		next, err := c.out.next()
		if err != nil {
			return failed // how the call ended says why
		}
		w := s.Stdout
		if next.stderr {
			w = s.Stderr
		}
		if w != nil && failed == nil {
			if _, failed = w.Write(next.data); failed != nil {
				p.abandon(id, c, patience)
			}
		}
		if n := c.out.taken(len(next.data)); n > 0 {
			_ = p.send(frame{outCredit, id, credit(n)}) // a connection that is lost ends the output too
		}
	}
}
