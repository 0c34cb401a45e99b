package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/wire"
)

// pair connects two peers and serves both until the test ends.
func pair(t *testing.T, left, right map[string]wire.Handler) (l, r *wire.Peer, cut func()) {
	t.Helper()
	lr, rw := io.Pipe()
	rr, lw := io.Pipe()
	l, r = wire.New(lr, lw, left), wire.New(rr, rw, right)
	done := make(chan error, 2)
	for _, p := range []*wire.Peer{l, r} {
		go func() { done <- p.Serve(context.Background()) }()
	}
	cut = func() { rw.Close(); lw.Close() }
	t.Cleanup(func() {
		cut()
		for range 2 {
			<-done
		}
	})
	return l, r, cut
}

var handlers = map[string]wire.Handler{
	"cat": func(_ context.Context, c *wire.Call) (wire.End, error) {
		_, err := io.Copy(c.Stdout, c.Stdin)
		return wire.End{}, err
	},
	"say": func(_ context.Context, c *wire.Call) (wire.End, error) {
		var word string
		if err := c.Args(&word); err != nil {
			return wire.End{}, err
		}
		fmt.Fprintf(c.Stdout, "out %s", word)
		fmt.Fprintf(c.Stderr, "err %s", word)
		return wire.End{Code: 7, Signal: "TERM"}, nil
	},
	"wait": func(ctx context.Context, c *wire.Call) (wire.End, error) {
		fmt.Fprint(c.Stdout, "begun")
		<-ctx.Done()
		return wire.End{}, context.Cause(ctx)
	},
	"flood": func(ctx context.Context, c *wire.Call) (wire.End, error) {
		for {
			if ctx.Err() != nil {
				return wire.End{}, ctx.Err()
			}
			if _, err := c.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return wire.End{}, err
			}
		}
	},
}

func TestCall(t *testing.T) {
	l, r, _ := pair(t, handlers, handlers)
	for name, p := range map[string]*wire.Peer{"left": l, "right": r} {
		t.Run(name, func(t *testing.T) {
			var out, messages bytes.Buffer
			end, err := p.Call(t.Context(), "say", "word", wire.Streams{Stdout: &out, Stderr: &messages}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{wire.End{Code: 7, Signal: "TERM"}, "out word", "err word"}, []any{end, out.String(), messages.String()}); diff != "" {
				t.Error(diff)
			}
			out.Reset()
			text := strings.Repeat("0123456789", 1<<20) // ten windows
			if _, err := p.Call(t.Context(), "cat", nil, wire.Streams{Stdin: strings.NewReader(text), Stdout: &out}, 0); err != nil || out.String() != text {
				t.Errorf("of %d bytes %d came back: %v", len(text), out.Len(), err)
			}
			if _, err := p.Call(t.Context(), "none", nil, wire.Streams{}, 0); err == nil || !strings.Contains(err.Error(), "no such call") {
				t.Errorf("want an error for a call that is not there, got %v", err)
			}
			broken := io.MultiReader(strings.NewReader("half"), &failing{})
			if _, err := p.Call(t.Context(), "cat", nil, wire.Streams{Stdin: broken}, 0); !errors.Is(err, errBroken) {
				t.Errorf("want the error of the input, got %v", err)
			}
		})
	}
}

var errBroken = errors.New("broken")

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errBroken }

// notify is a writer that tells of its first byte.
type notify chan struct{}

func (n notify) Write(p []byte) (int, error) {
	select {
	case n <- struct{}{}:
	default:
	}
	return len(p), nil
}

// TestEnds: a call that hangs, floods or is lost ends with its cause, and the others go on.
func TestEnds(t *testing.T) {
	cause := errors.New("enough")
	t.Run("cancelled", func(t *testing.T) {
		l, _, _ := pair(t, nil, handlers)
		ctx, cancel := context.WithCancelCause(t.Context())
		begun := make(notify, 1)
		go func() { <-begun; cancel(cause) }()
		if _, err := l.Call(ctx, "wait", nil, wire.Streams{Stdout: begun}, 0); !errors.Is(err, cause) {
			t.Errorf("want the cause, got %v", err)
		}
		if _, err := l.Call(t.Context(), "say", "", wire.Streams{}, 0); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
	t.Run("output is not wanted", func(t *testing.T) {
		l, _, _ := pair(t, nil, handlers)
		if _, err := l.Call(t.Context(), "flood", nil, wire.Streams{Stdout: brokenWriter{}}, 0); !errors.Is(err, errBroken) {
			t.Errorf("want the error of the output, got %v", err)
		}
	})
	t.Run("a flood holds nobody up", func(t *testing.T) {
		l, _, cut := pair(t, nil, handlers)
		stuck := make(stuckWriter)
		begun := make(chan error, 1)
		go func() {
			_, err := l.Call(t.Context(), "flood", nil, wire.Streams{Stdout: stuck}, 0)
			begun <- err
		}()
		stuck <- struct{}{} // the flood has begun, and its output is not taken
		for range 10 {
			if _, err := l.Call(t.Context(), "say", "", wire.Streams{}, 0); err != nil {
				t.Fatal(err)
			}
		}
		cut()
		close(stuck)
		if err := <-begun; !errors.Is(err, wire.ErrLost) {
			t.Errorf("want a lost call, got %v", err)
		}
		if _, err := l.Call(t.Context(), "say", "", wire.Streams{}, 0); !errors.Is(err, wire.ErrLost) {
			t.Errorf("want no call over a lost connection, got %v", err)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// stuckWriter takes its first bytes when it is received from, and the rest when it is closed.
type stuckWriter chan struct{}

func (s stuckWriter) Write(p []byte) (int, error) {
	<-s
	<-s
	return len(p), nil
}

// TestHostile: whoever breaks the protocol loses the connection, at once and whatever it announces.
func TestHostile(t *testing.T) {
	head := func(kind byte, call, length uint32) []byte {
		b := binary.BigEndian.AppendUint32([]byte{kind}, call)
		return binary.BigEndian.AppendUint32(b, length)
	}
	say := []byte(`{"do":"wait","args":null}`)
	begin := append(head(1, 5, uint32(len(say))), say...)
	over := append([]byte(nil), begin...)
	for range 1<<20/(32<<10-9) + 1 {
		over = append(append(over, head(2, 5, 32<<10-9)...), make([]byte, 32<<10-9)...)
	}
	many := []byte(nil)
	for i := range uint32(300) {
		many = append(append(many, head(1, i, uint32(len(say)))...), say...)
	}
	for name, sent := range map[string][]byte{
		"a kind that is none":   head(77, 1, 0),
		"a frame of 4 GB":       head(2, 1, 1<<32-1),
		"a large request":       head(1, 1, 1<<20),
		"a request that is not": append(head(1, 1, 3), "{{{"...),
		"a call twice":          append(append([]byte(nil), begin...), begin...),
		"too many calls":        many,
		"more input than asked": over,
		"credit of nothing":     append(append(append([]byte(nil), begin...), head(4, 5, 4)...), 0, 0, 0, 6), // "begun" may be sent by then
		"credit of 3 bytes":     append(append(append([]byte(nil), begin...), head(4, 5, 3)...), 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			r, w := io.Pipe()
			go w.Write(sent) // the stream stays open: the peer itself must give up
			defer context.AfterFunc(ctx, func() { r.Close() })()
			defer r.Close()
			if err := wire.New(r, io.Discard, handlers).Serve(ctx); !errors.Is(err, wire.ErrProtocol) {
				t.Errorf("want a broken protocol, got %v", err)
			}
		})
	}
}

// TestGivenUpAsItEnds: an end that comes just when its call is given up ends nothing else.
func TestGivenUpAsItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, _ := pair(t, nil, map[string]wire.Handler{"linger": func(ctx context.Context, _ *wire.Call) (wire.End, error) {
			<-ctx.Done()
			time.Sleep(5 * time.Second) // as long as who calls waits
			return wire.End{}, nil
		}})
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := l.Call(ctx, "linger", nil, wire.Streams{}, 0); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	})
}

// TestAsk: an answer is read, and bounded.
func TestAsk(t *testing.T) {
	l, _, _ := pair(t, nil, map[string]wire.Handler{
		"yes": func(_ context.Context, c *wire.Call) (wire.End, error) {
			_, err := io.WriteString(c.Stdout, `{"a":1}`)
			return wire.End{}, err
		},
		"much": func(_ context.Context, c *wire.Call) (wire.End, error) {
			_, err := c.Stdout.Write(make([]byte, 100))
			return wire.End{}, err
		},
		"not": func(_ context.Context, c *wire.Call) (wire.End, error) {
			_, err := io.WriteString(c.Stdout, "{")
			return wire.End{}, err
		},
	})
	for do, want := range map[string]string{"yes": "", "much": "over the limit of 50 bytes", "not": "not: the answer: unexpected end", "none": "no such call"} {
		var answer struct{ A int }
		err := l.Ask(t.Context(), do, nil, &answer, 50)
		if want == "" && (err != nil || answer.A != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q, got %v, %+v", do, want, err, answer)
		}
	}
}
