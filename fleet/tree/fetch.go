// Package tree brings one content to many nodes through each other: every node gets it from a parent, of which the first get it from the seat, and passes
// each piece on as soon as it has it.
//
// What a node takes over it has verified against hashes that the seat told it over ssh, so a parent can neither alter anything nor pass on what it has not got.
// Nodes speak mutual TLS with certificates made for the run, by an authority that ends with it. A parent that is dead, slow or wrong is named, and left for the
// next one: at last the seat.
package tree

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/nodeapply/apply/fleet/tree/authority"
	"github.com/nodeapply/apply/fleet/tree/content"
)

// Source is a node that has or is getting a content. Its JSON is part of the protocol.
type Source struct {
	Name    string `json:"name"`    // by which people know it
	Server  string `json:"server"`  // by which its certificate does
	Address string `json:"address"` // HOST:PORT
}

// Note is what was wrong with a source. Its JSON is part of the protocol.
type Note struct {
	Source  string `json:"source"`
	Problem string `json:"problem"`
}

// Order is what a node is told to get, and from where.
type Order struct {
	Spec     *content.Spec `json:"spec"`
	Sources  []Source      `json:"sources"`  // one after the other, then the seat
	Patience time.Duration `json:"patience"` // for a source's first chunk
}

// Seat opens a content at an offset, from the seat itself.
type Seat func(ctx context.Context, id string, offset int64) (io.ReadCloser, error)

// Bounds of waiting for sources.
const (
	dialPatience = 3 * time.Second
	seatPatience = time.Minute
)

// Fetch gets a content into file, from the first source that has it right; others can get it from the Store meanwhile. It tells what was wrong with the
// sources that it left.
func (s *Store) Fetch(ctx context.Context, o Order, id *authority.Identity, file File, seat Seat) ([]Note, error) {
	if err := o.Spec.Check(); err != nil {
		return nil, err
	}
	config, err := id.TLS()
	if err != nil {
		return nil, err
	}
	h, err := s.add(o.Spec, file)
	if err != nil {
		return nil, err
	}
	var notes []Note
	for _, src := range o.Sources {
		if h.have == o.Spec.Count() {
			return notes, nil
		}
		err := s.from(ctx, h, o.Patience, func(ctx context.Context) (io.ReadCloser, error) {
			return src.open(ctx, config, o.Spec.ID, h.have*o.Spec.Chunk)
		})
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			s.fail(h, err)
			return notes, err
		}
		if _, own := errors.AsType[*localError](err); own { // no other source would help
			s.fail(h, err)
			return notes, err
		}
		if err != nil {
			notes = append(notes, Note{src.Name, err.Error()})
		}
	}
	if h.have == o.Spec.Count() {
		return notes, nil
	}
	err = s.from(ctx, h, seatPatience, func(ctx context.Context) (io.ReadCloser, error) { return seat(ctx, o.Spec.ID, h.have*o.Spec.Chunk) })
	if err != nil {
		s.fail(h, err)
	}
	return notes, err
}

// localError is a problem of this node.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// slowest is what a source must bring in the mean, in bytes a second: below it another one is tried.
const slowest = 256 << 10

// atSlowest is how long n bytes take there.
func atSlowest(n int64) time.Duration { return time.Duration(n) * time.Second / slowest }

// from reads the chunks that are missing from one source.
func (s *Store) from(ctx context.Context, h *held, patience time.Duration, open func(context.Context) (io.ReadCloser, error)) error {
	left := h.spec.Size - h.have*h.spec.Chunk
	ctx, cancel := context.WithTimeoutCause(ctx, patience+atSlowest(left), errors.New("too slow"))
	defer cancel()
	r, err := open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	buffer := make([]byte, h.spec.Length(0))
	for i := h.have; i < h.spec.Count(); i++ {
		if h.spec.Empty(i) {
			if err := s.keep(h, nil); err != nil {
				return &localError{err}
			}
			continue
		}
		buffer = buffer[:h.spec.Length(i)]
		limit := patience + atSlowest(h.spec.Chunk)
		late := time.AfterFunc(limit, func() { r.Close() })
		stop := context.AfterFunc(ctx, func() { r.Close() })
		_, err := io.ReadFull(r, buffer)
		stop()
		switch inTime := late.Stop(); {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !inTime:
			return fmt.Errorf("delayed data: no chunk within %v", limit.Round(time.Second))
		case err != nil:
			return fmt.Errorf("ended in chunk %d: %w", i, err)
		}
		if !h.spec.Holds(i, buffer) {
			return fmt.Errorf("altered data: chunk %d is not what the seat announced", i)
		}
		if err := s.keep(h, buffer); err != nil {
			return &localError{err}
		}
	}
	return nil
}

// open asks the source for a content.
func (src Source) open(ctx context.Context, config *tls.Config, id string, offset int64) (io.ReadCloser, error) {
	config = config.Clone()
	config.ServerName = src.Server
	dialing, cancel := context.WithTimeoutCause(ctx, dialPatience, errors.New("does not answer"))
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(dialing, "tcp", src.Address)
	if err != nil {
		if dialing.Err() != nil && ctx.Err() == nil {
			return nil, context.Cause(dialing)
		}
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			err = op.Err
		}
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "%s %d\n", id, offset); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
