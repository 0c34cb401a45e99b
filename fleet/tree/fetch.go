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
	Spec     *Spec         `json:"spec"`
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
	if err := o.Spec.check(); err != nil {
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
		if h.have == o.Spec.count() {
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
		if err != nil {
			notes = append(notes, Note{src.Name, err.Error()})
		}
		var local *localError
		if errors.As(err, &local) {
			s.fail(h, err)
			return notes[:len(notes)-1], local.error // no other source would help
		}
	}
	if h.have == o.Spec.count() {
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
	buffer := make([]byte, h.spec.length(0))
	for i := h.have; i < h.spec.count(); i++ {
		if h.spec.empty(i) {
			if err := s.keep(h, nil); err != nil {
				return &localError{err}
			}
			continue
		}
		buffer = buffer[:h.spec.length(i)]
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
		if !h.spec.holds(i, buffer) {
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
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
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
