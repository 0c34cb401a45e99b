package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/fleet/wire"
)

// startScript becomes the relay of the program with the hash $1. Where that is not there it says so, and takes it in the way it is told, until one is right:
// "take BYTES" and the compressed program. Programs of other versions are kept but for the oldest; what a start that died has left is removed after an hour.
const startScript = `umask 077
d=${XDG_CACHE_HOME:-$HOME/.cache}/apply/bin
b=$d/apply-$1
if [ -f "$b" ] && [ -x "$b" ] && [ -O "$b" ]; then exec "$b" relay; fi
mkdir -p -- "$d" && t=$(mktemp "$d/.apply.XXXXXXXXXX") || exit 1
trap 'rm -f -- "$t" "$t.gz"' EXIT
trap 'exit 129' HUP INT TERM PIPE
find "$d" -maxdepth 1 -name '.apply.*' -mmin +60 -exec rm -f -- {} +
echo "apply-relay absent $(uname -sm)"
while read -r how n; do
	case $how in
	take) head -c "$n" >"$t.gz" ;;
	*) exit 1 ;;
	esac
	if gzip -dc <"$t.gz" >"$t" && echo "$1  $t" | sha256sum -c >/dev/null; then
		chmod 700 "$t" && { sync "$t" 2>/dev/null || sync; } && rm -f -- "$t.gz" && mv -fT -- "$t" "$b" || exit 1
		ls -t "$d" | grep '^apply-' | tail -n +5 | while read -r old; do rm -f -- "$d/$old"; done
		exec "$b" relay
	fi
	echo "apply-relay bad"
done`

// ErrNoRelay is wrapped by errors of Start where the node was reached and cannot run the program: another machine, no space, a folder without execution.
var ErrNoRelay = errors.New("no relay")

// startPatience is how long a node may take to say something when a relay is started.
const startPatience = 30 * time.Second

// maxNoise bounds what a node's shell may print before the relay speaks.
const maxNoise = 64 << 10

// Client is the seat's end of a relay. It is a transport.Conn: its commands run as calls of the relay.
type Client struct {
	*wire.Peer
	conn   transport.Conn
	stream transport.Stream
	ended  sync.WaitGroup
}

var _ transport.Conn = (*Client)(nil)

// Start makes a relay on a connected node, and brings the program there if it is not. Handlers serve what the node calls; there may be none. Until the
// context ends the relay is the caller's to close; the connection stays the caller's.
func Start(ctx context.Context, conn transport.Conn, p *Program, handlers map[string]wire.Handler) (*Client, error) {
	stream, err := conn.Start(transport.Line([]string{"exec", "sh", "-c", startScript, "relay", p.Hash}))
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(stream, 64<<10)
	if err := begin(ctx, stream, r, p); err != nil {
		stream.Close()
		return nil, err
	}
	c := &Client{Peer: wire.New(r, stream, handlers), conn: conn, stream: stream}
	c.ended.Go(func() { _ = c.Serve(context.WithoutCancel(ctx)) }) // who calls is told why it ended
	return c, nil
}

// begin speaks with the script until the relay is there.
func begin(ctx context.Context, stream transport.Stream, r *bufio.Reader, p *Program) error {
	late := &transport.TimeoutError{After: startPatience, What: "start of the relay"}
	for taken := false; ; taken = true {
		words, err := answer(ctx, stream, r, late)
		if err != nil {
			return err
		}
		switch {
		case words[0] == "1":
			return nil
		case taken || words[0] != "absent":
			return fmt.Errorf("%w: what was brought is not what arrived", ErrNoRelay)
		case len(words) < 3 || !runsOn(words[1], words[2]):
			return fmt.Errorf("%w: this program does not run on %q", ErrNoRelay, strings.Join(words[1:], " "))
		}
		content, err := p.compressed()
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { stream.Close() })
		_, err = fmt.Fprintf(stream, "take %d\n%s", len(content), content)
		if !stop() {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%w: the program does not arrive: %s", ErrNoRelay, said(stream, err))
		}
	}
}

// answer waits for a line that begins with the relay's name, and returns its other words.
func answer(ctx context.Context, stream transport.Stream, r *bufio.Reader, late error) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, late)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	for noise := 0; noise < maxNoise; {
		line, err := r.ReadSlice('\n')
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s", ErrNoRelay, said(stream, err))
		}
		noise += len(line)
		if words := strings.Fields(string(line)); len(words) > 1 && words[0] == "apply-relay" {
			return words[1:], nil
		}
	}
	return nil, fmt.Errorf("%w: the node's shell prints too much", ErrNoRelay)
}

// said is what the node wrote to standard error, or else the error.
func said(stream transport.Stream, err error) string {
	if text := stream.Messages(); text != "" {
		first, _, _ := strings.Cut(text, "\n")
		return first
	}
	if errors.Is(err, io.EOF) {
		return "it ended"
	}
	return err.Error()
}

// Run runs a command by the relay.
func (c *Client) Run(ctx context.Context, cmd transport.Command) (transport.Exit, error) {
	grace := cmd.Grace
	if grace == 0 {
		grace = 2 * time.Second
	}
	end, err := c.Call(ctx, "run", runArgs{cmd.Line, grace.Milliseconds()}, wire.Streams{Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr}, grace)
	return transport.Exit{Code: end.Code, Signal: end.Signal}, lost(err)
}

// lost is the transport's word for a connection that was lost.
func lost(err error) error {
	if errors.Is(err, wire.ErrLost) {
		return transport.ErrLost
	}
	return err
}

// Start runs a line beside the relay.
func (c *Client) Start(line string) (transport.Stream, error) { return c.conn.Start(line) }

// Close ends the relay and the commands that it runs. The connection stays.
func (c *Client) Close() error {
	err := c.stream.Close()
	c.ended.Wait()
	return err
}
