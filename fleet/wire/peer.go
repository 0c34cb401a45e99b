// Package wire carries many calls at a time between two peers over one stream of bytes, such as a session of ssh or a connection of TLS.
//
// A call is like a command: it has a name and arguments, standard input, standard output and standard error, and ends with an exit code or a signal.
// Both peers may call. A frame, what a call has on its way, and the number of calls are bounded, whatever the other peer sends; a peer that breaks the protocol
// loses the connection. Deadlines are those of the callers' contexts.
package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Errors of a Peer.
var (
	ErrProtocol = errors.New("the other side breaks the protocol")
	ErrLost     = errors.New("connection lost before the call ended")
)

// maxTold bounds each text of an End.
const maxTold = 4 << 10

// maxServed is how many calls a peer serves at a time.
const maxServed = 256

// End is how a call ended. Its JSON is part of the protocol.
type End struct {
	Code   int    `json:"code"`             // as of a command
	Signal string `json:"signal,omitempty"` // its name without SIG
	Error  string `json:"error,omitempty"`  // why there is no code
}

// Handler serves a call. An error is told to the caller. The context ends when the call is cancelled or the connection is lost.
type Handler func(ctx context.Context, c *Call) (End, error)

// Call is a call as it is served.
type Call struct {
	Peer           *Peer // this end of the connection, for calls back
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	args json.RawMessage
}

// Args reads the arguments into v.
func (c *Call) Args(v any) error {
	if err := json.Unmarshal(c.args, v); err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	return nil
}

// With is the call with other arguments, and with no input.
func (c *Call) With(args json.RawMessage) *Call {
	return &Call{Stdin: strings.NewReader(""), Stdout: c.Stdout, Stderr: c.Stderr, args: args}
}

// Streams are those of a call that is made. Stdin, which may be nil, is closed at the call's end if it can be; outputs that are nil are dropped.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// request is how a call begins.
type request struct {
	Do   string          `json:"do"`
	Args json.RawMessage `json:"args"`
}

// Peer is one end of a connection.
type Peer struct {
	r        io.Reader
	handlers map[string]Handler

	sending sync.Mutex // of w and buffer
	w       io.Writer
	buffer  []byte

	mu     sync.Mutex
	next   uint32
	mine   map[uint32]*calling
	theirs map[uint32]*serving
	err    error // why the connection has ended
	owned  sync.WaitGroup
}

// calling is a call that was made.
type calling struct {
	out   *inbox
	allow *allowance
	end   chan End // one is sent, or it is closed when the connection is lost
}

// serving is a call that is served.
type serving struct {
	in     *inbox
	allow  *allowance
	cancel context.CancelFunc

	cancelled bool // used by the reading goroutine alone
}

// New makes a peer that reads from r and writes to w, and serves calls by name. Serve makes it live.
func New(r io.Reader, w io.Writer, handlers map[string]Handler) *Peer {
	return &Peer{r: bufio.NewReaderSize(r, 64<<10), w: w, handlers: handlers, mine: map[uint32]*calling{}, theirs: map[uint32]*serving{}}
}

// Serve reads until the stream ends, and returns nil if it ended between two frames. The calls that are under way then end, and it waits for their handlers.
// Closing the stream ends Serve.
func (p *Peer) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	err := p.read(ctx)
	p.mu.Lock()
	p.err = errors.Join(ErrLost, err)
	for _, c := range p.mine {
		c.out.close(ErrLost)
		c.allow.close(ErrLost)
		close(c.end)
	}
	clear(p.mine)
	for _, s := range p.theirs {
		s.in.close(ErrLost)
		s.allow.close(ErrLost)
	}
	p.mu.Unlock()
	cancel()
	p.owned.Wait()
	if err == io.EOF {
		return nil
	}
	return err
}

func (p *Peer) read(ctx context.Context) error {
	for {
		f, err := readFrame(p.r)
		if err == nil {
			err = p.take(ctx, f)
		}
		if err != nil {
			return err
		}
	}
}

// take acts on a frame. It never waits, and sends nothing: two peers that wait for each other to read would wait forever.
func (p *Peer) take(ctx context.Context, f frame) error {
	if f.kind == open {
		return p.begin(ctx, f)
	}
	p.mu.Lock()
	c, s := p.mine[f.call], p.theirs[f.call]
	p.mu.Unlock()
	if f.kind < output {
		c = nil
	} else {
		s = nil
	}
	if c == nil && s == nil {
		return nil // it has ended meanwhile
	}
	switch f.kind {
	case input:
		return s.in.put(piece{data: f.payload})
	case inputEnd:
		s.in.close(io.EOF)
	case outCredit, inCredit:
		if len(f.payload) != 4 {
			return fmt.Errorf("%w: credit of %d bytes", ErrProtocol, len(f.payload))
		}
		if s != nil {
			return s.allow.more(binary.BigEndian.Uint32(f.payload))
		}
		return c.allow.more(binary.BigEndian.Uint32(f.payload))
	case cancel:
		s.cancel()
		s.in.close(context.Canceled)
		if s.cancelled {
			s.allow.close(io.ErrClosedPipe) // nobody takes what it still says
		}
		s.cancelled = true
	case output, message:
		return c.out.put(piece{stderr: f.kind == message, data: f.payload})
	case end:
		var e End
		if err := json.Unmarshal(f.payload, &e); err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		e.Error, e.Signal = e.Error[:min(len(e.Error), maxTold)], e.Signal[:min(len(e.Signal), maxTold)]
		p.mu.Lock()
		given := p.mine[f.call] != c // up, meanwhile
		delete(p.mine, f.call)
		p.mu.Unlock()
		if given {
			return nil
		}
		c.allow.close(io.ErrClosedPipe)
		c.end <- e
		c.out.close(io.EOF)
	}
	return nil
}

// begin serves a call.
func (p *Peer) begin(ctx context.Context, f frame) error {
	var r request
	if err := json.Unmarshal(f.payload, &r); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	ctx, stop := context.WithCancel(ctx)
	s := &serving{in: newInbox(), allow: newAllowance(), cancel: stop}
	p.mu.Lock()
	_, taken := p.theirs[f.call]
	full := len(p.theirs) >= maxServed
	if !taken && !full {
		p.theirs[f.call] = s
	}
	p.mu.Unlock()
	if taken || full {
		stop()
		return fmt.Errorf("%w: more than %d calls at a time, or one twice", ErrProtocol, maxServed)
	}
	p.owned.Go(func() {
		defer stop()
		e := p.handle(ctx, r, f.call, s)
		s.in.close(io.EOF)
		p.mu.Lock()
		delete(p.theirs, f.call)
		p.mu.Unlock()
		text, err := json.Marshal(e)
		if err != nil || len(text) > maxJSON {
			text = []byte(`{"error":"the end of the call cannot be told"}`)
		}
		_ = p.send(frame{end, f.call, text}) // a connection that is lost is told by Serve
	})
	return nil
}

func (p *Peer) handle(ctx context.Context, r request, call uint32, s *serving) End {
	h, ok := p.handlers[r.Do]
	if !ok {
		return End{Error: fmt.Sprintf("%q: there is no such call", r.Do)}
	}
	e, err := h(ctx, &Call{
		Peer:   p,
		Stdin:  &reader{in: s.in, give: func(n int) error { return p.send(frame{inCredit, call, credit(n)}) }},
		Stdout: &writer{peer: p, kind: output, call: call, allow: s.allow}, Stderr: &writer{peer: p, kind: message, call: call, allow: s.allow}, args: r.Args,
	})
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

// send writes a frame in one piece.
func (p *Peer) send(f frame) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	p.buffer = f.appendTo(p.buffer[:0])
	_, err := p.w.Write(p.buffer)
	return err
}
