package wire

import (
	"fmt"
	"sync"
)

// window is how many bytes of a call may be on their way in one direction: so much, and not more, a slow reader costs in memory.
const window = 1 << 20

// piece is data that came.
type piece struct {
	stderr bool
	data   []byte
}

// inbox keeps what came until it is taken.
type inbox struct {
	mu     sync.Mutex
	change sync.Cond
	pieces []piece
	held   int   // bytes that came and for which no credit was given back
	due    int   // bytes that were taken and not told yet
	closed error // nil while more may come
}

func newInbox() *inbox {
	b := &inbox{}
	b.change.L = &b.mu
	return b
}

// put takes up what came. A peer that sends more than the window breaks the protocol.
func (b *inbox) put(p piece) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held += len(p.data); b.held > window {
		return fmt.Errorf("%w: more than was asked for", ErrProtocol)
	}
	if b.closed == nil && len(p.data) > 0 {
		b.pieces = append(b.pieces, p)
		b.change.Broadcast()
	}
	return nil
}

// close says that nothing more comes, because of err: io.EOF for the regular end.
func (b *inbox) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed == nil {
		b.closed = err
		b.change.Broadcast()
	}
}

// next waits for a piece. Bytes that it returns are to be told by taken.
func (b *inbox) next() (piece, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.pieces) == 0 && b.closed == nil {
		b.change.Wait()
	}
	if len(b.pieces) == 0 {
		return piece{}, b.closed
	}
	p := b.pieces[0]
	b.pieces = b.pieces[1:]
	return p, nil
}

// taken returns how much credit is to be given for n more bytes: 0 while it is not worth a frame.
func (b *inbox) taken(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due += n; b.due < window/4 {
		return 0
	}
	n = b.due
	b.held, b.due = b.held-n, 0
	return n
}

// allowance is how much may still be sent.
type allowance struct {
	mu     sync.Mutex
	change sync.Cond
	left   int
	closed error
}

func newAllowance() *allowance {
	a := &allowance{left: window}
	a.change.L = &a.mu
	return a
}

// take waits until something may be sent and takes at most n of it.
func (a *allowance) take(n int) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.left == 0 && a.closed == nil {
		a.change.Wait()
	}
	if a.closed != nil {
		return 0, a.closed
	}
	n = min(n, a.left)
	a.left -= n
	return n, nil
}

// more allows n more bytes.
func (a *allowance) more(n uint32) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > window || a.left+int(n) > window {
		return fmt.Errorf("%w: credit for what was not sent", ErrProtocol)
	}
	a.left += int(n)
	a.change.Broadcast()
	return nil
}

func (a *allowance) close(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed == nil {
		a.closed = err
		a.change.Broadcast()
	}
}

// reader is the input of a call that is served.
type reader struct {
	in   *inbox
	give func(n int) error // credit
	rest []byte
}

// Read gives what came.
func (r *reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		next, err := r.in.next()
		if err != nil {
			return 0, err
		}
		r.rest = next.data
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	if c := r.in.taken(n); c > 0 {
		if err := r.give(c); err != nil {
			return n, err
		}
	}
	return n, nil
}

// writer sends data in frames of one kind, as far as it is allowed.
type writer struct {
	peer  *Peer
	kind  kind
	call  uint32
	allow *allowance

	failed bool
}

// Write returns when everything is sent.
func (w *writer) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := w.allow.take(min(len(p)-done, maxData))
		if err == nil {
			err = w.peer.send(frame{w.kind, w.call, p[done : done+n]})
		}
		if err != nil {
			w.failed = true
			return done, err
		}
		done += n
	}
	return len(p), nil
}
