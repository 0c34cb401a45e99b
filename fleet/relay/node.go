package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/nodeapply/apply/fleet/place"
	"github.com/nodeapply/apply/fleet/tree"
	"github.com/nodeapply/apply/fleet/tree/authority"
	"github.com/nodeapply/apply/fleet/tree/content"
	"github.com/nodeapply/apply/fleet/wire"
	"github.com/nodeapply/apply/host/local"
)

// node is the state of a relay: what it has for other nodes.
type node struct {
	store *tree.Store

	program *os.File // compressed, nil where it was here before

	mu       sync.Mutex
	identity *authority.Identity
	server   *tree.Server
	shop     *shop
}

// close ends what it serves to other nodes.
func (n *node) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []error
	if n.server != nil {
		all = append(all, n.server.Close())
	}
	if n.shop != nil {
		all = append(all, n.shop.close())
	}
	if n.program != nil {
		all = append(all, n.program.Close())
	}
	return errors.Join(all...)
}

// join takes up the identity for this run, and begins to serve other nodes at the address that the seat reached this one at.
func (n *node) join(_ context.Context, c *wire.Call) (wire.End, error) {
	id := &authority.Identity{}
	if err := c.Args(id); err != nil {
		return wire.End{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.identity != nil {
		return wire.End{}, errors.New("it has joined already")
	}
	n.identity = id
	told := Joined{}
	if host := address(); host != "" {
		server, err := tree.Listen(context.Background(), host, id, n.store) // until close
		if err == nil {                                                     // else it serves nobody
			n.server, told.Address = server, server.Address()
		}
	}
	return wire.End{}, json.NewEncoder(c.Stdout).Encode(told)
}

// put gets an archive and installs it. It tells, one object a line, what was wrong with whom it was to get it from.
func (n *node) put(ctx context.Context, c *wire.Call) (_ wire.End, err error) {
	var a PutArgs
	if err := c.Args(&a); err != nil {
		return wire.End{}, err
	}
	n.mu.Lock()
	id := n.identity
	n.mu.Unlock()
	if id == nil || a.Order.Spec == nil {
		return wire.End{}, errors.New("it has not joined, or there is nothing to put")
	}
	h, err := local.New(local.Options{})
	if err != nil {
		return wire.End{}, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	sweep(ctx, h)
	there, err := place.New(ctx, h, a.To, a.Tops)
	if err != nil {
		return wire.End{}, err
	}
	spool, err := there.Spool(a.Order.Spec.Size, a.Own, holes(a.Order.Spec))
	if err != nil {
		return wire.End{}, err
	}
	// The spool stays open until the relay ends: other nodes get it from there.
	notes, err := n.store.Fetch(ctx, a.Order, id, spool, seat(c.Peer))
	for _, note := range notes {
		if err := json.NewEncoder(c.Stdout).Encode(note); err != nil {
			return wire.End{}, err
		}
	}
	if err != nil {
		return wire.End{}, fmt.Errorf("fetch: %w", err)
	}
	if err := json.NewEncoder(c.Stdout).Encode(tree.Note{}); err != nil { // it is here
		return wire.End{}, err
	}
	in, err := there.Open(spool)
	if err != nil {
		return wire.End{}, err
	}
	done, err := record(h.Token(), in.Folders())
	if err != nil {
		return wire.End{}, err
	}
	defer done()
	return wire.End{}, in.Do(ctx, h)
}

// holes are those of a content, as spans.
func holes(s *content.Spec) []place.Span {
	out := make([]place.Span, len(s.Holes))
	for i, h := range s.Holes {
		out[i] = place.Span(h)
	}
	return out
}

// seat gets contents from the seat, by calls back.
func seat(p *wire.Peer) tree.Seat {
	return func(ctx context.Context, id string, offset int64) (io.ReadCloser, error) {
		ctx, cancel := context.WithCancel(ctx)
		r, w := io.Pipe()
		s := &seatStream{PipeReader: r, cancel: cancel}
		s.owned.Go(func() {
			_, err := p.Call(ctx, "content", ContentArgs{ID: id, Offset: offset}, wire.Streams{Stdout: w}, 0)
			w.CloseWithError(err)
		})
		return s, nil
	}
}

// seatStream is a content as it comes from the seat.
type seatStream struct {
	*io.PipeReader
	cancel context.CancelFunc
	owned  sync.WaitGroup
}

// Close ends the call.
func (s *seatStream) Close() error {
	s.cancel()
	err := s.PipeReader.Close()
	s.owned.Wait()
	return err
}
