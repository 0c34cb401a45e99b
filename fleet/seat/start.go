package seat

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/fleet/internal/spread"
	"github.com/nodeapply/apply/fleet/relay"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/fleet/wire"
)

// ErrNoRelay is wrapped by errors of Start where the node was reached and cannot run the program: another machine, no space, a folder without execution.
var ErrNoRelay = errors.New("no relay")

// startPatience is how long a node may take to say something when a relay is started.
const startPatience = 30 * time.Second

// At says where a relay is started.
type At struct {
	Node    string
	Segment string            // the same for nodes that reach each other
	Note    func(text string) // is told what did not go as it should and was made up for; may be nil
}

func (a *At) note(format string, args ...any) {
	if a.Note != nil {
		a.Note(fmt.Sprintf(format, args...))
	}
}

// Client is the seat's end of a relay. It is a transport.Conn: its commands run as calls of the relay.
type Client struct {
	*wire.Peer
	conn   transport.Conn
	stream transport.Stream
	holder *spread.Holder // nil where other nodes do not get the program from this one
	ended  sync.WaitGroup
}

var (
	_ transport.Conn      = (*Client)(nil)
	_ transport.Forwarder = (*Client)(nil)
)

// Start makes a relay on a connected node, and brings the program there if it is not, or does not run. Handlers serve what the node calls; there may be none.
// Until the context ends the relay is the caller's to close; the connection stays the caller's.
func Start(ctx context.Context, conn transport.Conn, p *Program, at At, handlers map[string]wire.Handler) (*Client, error) {
	b, turn, err := begin(ctx, conn, p, at, "")
	if errors.Is(err, ErrNoRelay) && !b.absent {
		why := err
		if b, turn, err = begin(ctx, conn, p, at, "anew"); err == nil {
			at.note("%v: the program that was there; it was brought again", why)
		}
	}
	if err != nil {
		return nil, err
	}
	c := &Client{Peer: wire.New(b.r, b.stream, handlers), conn: conn, stream: b.stream}
	c.ended.Go(func() { _ = c.Serve(context.WithoutCancel(ctx)) }) // the caller is told why it ended
	if turn != nil {
		c.share(ctx, turn, at)
	}
	return c, nil
}

// begin starts the script, with how: "anew" to bring the program whatever is there. It returns the beginning also with an error.
func begin(ctx context.Context, conn transport.Conn, p *Program, at At, how string) (*beginning, *spread.Turn, error) {
	b := &beginning{program: p, at: at}
	var err error
	if b.stream, err = conn.Start(shell.Line([]string{"sh", "-c", startScript, "relay", p.Hash, how})); err != nil {
		return b, nil, err
	}
	b.r = bufio.NewReaderSize(b.stream, 64<<10)
	turn, err := b.begin(ctx)
	if err != nil {
		b.stream.Close()
	}
	return b, turn, err
}

// share ends the turn of a node that has got the program, which other nodes may get from there.
func (c *Client) share(ctx context.Context, turn *spread.Turn, at At) {
	var told relay.Shared
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, &transport.TimeoutError{After: startPatience, What: "start of the relay"})
	defer cancel()
	err := c.Ask(ctx, "share", nil, &told, maxAnswer)
	if err != nil || !reachable(told.Address) || strings.Trim(told.Key, base32) != "" {
		told = relay.Shared{} // it serves nobody
	}
	c.holder = turn.Done(spread.Source{Name: at.Node, Address: told.Address, Key: told.Key})
}

// maxAnswer bounds what a relay answers to a question, in bytes; base32 is what the key is made of by which others get the program.
const (
	maxAnswer = 1 << 10
	base32    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// reachable tells whether other nodes may reach an address that a node tells as its own.
func reachable(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && !a.Addr().IsLoopback() && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast()
}

// beginning is a relay that is about to be there.
type beginning struct {
	stream  transport.Stream
	r       *bufio.Reader
	program *Program
	at      At
	absent  bool // the node says that the program is not there
}

// begin speaks with the script until the relay is there. Where the program was brought it returns the node's turn, which is to be ended.
func (b *beginning) begin(ctx context.Context) (*spread.Turn, error) {
	words, err := b.answer(ctx, startPatience)
	switch {
	case err != nil || words[0] == ready:
		return nil, err
	case words[0] != "absent":
		return nil, fmt.Errorf("%w: it says %q", ErrNoRelay, words[0])
	}
	b.absent = true
	if len(words) < 3 || !runsOn(words[1], words[2]) {
		return nil, fmt.Errorf("%w: this program does not run on %q", ErrNoRelay, strings.Join(words[1:], " "))
	}
	content, err := b.program.packed()
	if err != nil {
		return nil, err
	}
	turn, err := b.program.holders.Ask(ctx, b.at.Segment)
	if err != nil {
		return nil, err
	}
	if from := turn.From; from != nil {
		here, err := b.neighbour(ctx, from, content)
		if err == nil && here {
			return turn, nil
		}
		turn.Failed(err == nil)
		if err == nil {
			turn, err = b.program.holders.AskSeat(ctx, b.at.Segment)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := b.bring(ctx, content); err != nil {
		turn.Failed(false)
		return nil, err
	}
	return turn, nil
}

// ready is the second word of the line by which a relay says that it is there.
const ready = "1"

// neighbour lets the node get the program from another one.
func (b *beginning) neighbour(ctx context.Context, from *spread.Holder, content packed) (here bool, err error) {
	host, port, err := net.SplitHostPort(from.Address)
	if err != nil {
		return false, err
	}
	limit := patience(len(content.content))
	line := fmt.Sprintf("from %d %s %s %s %s %.0f\n", len(content.content), content.hash, host, port, from.Key, limit.Seconds())
	if _, err := io.WriteString(b.stream, line); err != nil {
		return false, err
	}
	words, err := b.answer(ctx, limit+startPatience)
	if err != nil || words[0] == ready {
		return err == nil, err
	}
	why := strings.Join(words[1:], " ")
	if why == "" {
		why = "altered: not what the seat announced"
	}
	b.at.note("the program from %s: %.200s; it comes from the seat", from.Name, why)
	return false, nil
}

// bring sends the program from the seat.
func (b *beginning) bring(ctx context.Context, content packed) error {
	b.program.brought.Add(1)
	stop := context.AfterFunc(ctx, func() { b.stream.Close() })
	_, err := fmt.Fprintf(b.stream, "take %d %s\n", len(content.content), content.hash)
	if err == nil {
		_, err = b.stream.Write(content.content) // as it is: it is the same memory for all nodes
	}
	if !stop() {
		return context.Cause(ctx)
	}
	words, told := b.answer(ctx, startPatience) // which says why it does not arrive
	switch {
	case told != nil:
		return told
	case err != nil || words[0] != ready:
		return fmt.Errorf("%w: what was brought is not what arrived", ErrNoRelay)
	}
	return nil
}

// answer waits for a line that begins with the relay's name, and returns its other words.
func (b *beginning) answer(ctx context.Context, patience time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, &transport.TimeoutError{After: patience, What: "start of the relay"})
	defer cancel()
	stop := context.AfterFunc(ctx, func() { b.stream.Close() })
	defer stop()
	last := "" // of what the login shell prints
	for noise := 0; noise < shell.MaxNoise; {
		line, err := b.r.ReadSlice('\n')
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			lost := b.stream.Close() // then all is there that it says of why
			why := said(cmp.Or(b.stream.Messages(), last), err)
			switch {
			case errors.Is(lost, transport.ErrLost):
				return nil, lost
			case lost != nil:
				return nil, fmt.Errorf("%w: %s", lost, why)
			}
			return nil, fmt.Errorf("%w: %s", ErrNoRelay, why)
		}
		noise += len(line)
		if words := strings.Fields(string(line)); len(words) > 1 && words[0] == "apply-relay" {
			return words[1:], nil
		}
		last = cmp.Or(strings.TrimSpace(string(line)), last)
	}
	return nil, fmt.Errorf("%w: the node's shell prints too much", ErrNoRelay)
}

// maxSaid is how many lines are told of what a node wrote: of a mistake in its settings the second says where.
const maxSaid = 2

// said is what the node wrote, or else the error.
func said(text string, err error) string {
	if text != "" {
		lines := strings.SplitN(text, "\n", maxSaid+1)
		lines = lines[:min(len(lines), maxSaid)]
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		return strings.TrimSuffix(strings.Join(lines, "; "), "; ")
	}
	if errors.Is(err, io.EOF) {
		return "it ended"
	}
	return err.Error()
}

// Run runs a command by the relay.
func (c *Client) Run(ctx context.Context, cmd transport.Command) (transport.Exit, error) {
	grace := cmd.Patience()
	end, err := c.Call(ctx, "run", relay.RunArgs{Line: cmd.Line, Script: cmd.Script, GraceMS: grace.Milliseconds()}, wire.Streams{Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr}, grace)
	return transport.Exit{Code: end.Code, Signal: end.Signal}, lost(err)
}

// lost is the transport's word for a connection that was lost.
func lost(err error) error {
	if errors.Is(err, wire.ErrLost) {
		return transport.ErrLost
	}
	return err
}

// Start runs a command beside the relay.
func (c *Client) Start(line string) (transport.Stream, error) { return c.conn.Start(line) }

// Listen listens on the node by the connection that the relay was started on.
func (c *Client) Listen(ctx context.Context, socket string) (net.Listener, error) {
	f, ok := c.conn.(transport.Forwarder)
	if !ok {
		return nil, errors.New("the connection forwards nothing")
	}
	return f.Listen(ctx, socket)
}

// lend returns when no other node needs this one to get the program, or ctx ends.
func (c *Client) lend(ctx context.Context) {
	if c.holder != nil {
		c.holder.Leave(ctx)
	}
}

// Close ends the relay and the commands that it runs. The connection stays.
func (c *Client) Close() error {
	if c.holder != nil {
		c.holder.Gone()
	}
	err := c.stream.Close()
	c.ended.Wait()
	return err
}
