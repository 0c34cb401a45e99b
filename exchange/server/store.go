package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// peer is the node at the other end, by its certificate; it is checked at every request, as it may have been revoked since
// the connection was made.
func (s *server) peer(r *http.Request) (string, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return "", fmt.Errorf("%w: a node's certificate of this exchange is needed (apply exchange enroll)", store.ErrDenied)
	}
	c := r.TLS.VerifiedChains[0][0]
	if err := s.authority.Check(c); err != nil {
		return "", fmt.Errorf("%w: %w", store.ErrDenied, err)
	}
	return c.Subject.CommonName, nil
}

// call answers one call of a node.
func (s *server) call(w http.ResponseWriter, r *http.Request) error {
	node, err := s.peer(r)
	if err != nil {
		return err
	}
	// The deadline is for the body alone, and taken off again: a whole request's would end long watches.
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	var q wire.Request
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, wire.MaxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		kind := store.ErrRefused
		if errors.Is(err, os.ErrDeadlineExceeded) {
			kind = store.ErrUnavailable // the line is slow: trying again may help
		}
		return fmt.Errorf("request: %w: %w", kind, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	switch op := strings.TrimPrefix(r.URL.Path, wire.Path); op {
	case "list":
		return s.list(w, r, node, q)
	case "watch":
		return s.watch(w, r, node, q)
	default:
		reply, err := s.single(r.Context(), op, node, q)
		if err == nil {
			wire.Write(w, http.StatusOK, reply)
		}
		return err
	}
}

func (s *server) single(ctx context.Context, op, node string, q wire.Request) (reply wire.Reply, err error) {
	switch op {
	case "get":
		var e store.Entry
		if err = mayRead(q.Key); err == nil {
			e, err = s.hub.Get(ctx, q.Key)
		}
		reply.Entry = wire.AppendEntry(nil, store.Event{Entry: masked(e, node)})
	case "put":
		if err = mayWrite(node, q.Key, q.Value); err == nil {
			reply.Revision, err = s.hub.Put(ctx, store.Put{Key: q.Key, Value: q.Value, Expect: q.Expect, Lease: q.Lease})
		}
	case "delete":
		if err = mayWrite(node, q.Key, nil); err == nil {
			err = s.hub.Delete(ctx, q.Key, q.Expect)
		}
	case "grant":
		reply.Lease, err = s.hub.Grant(ctx, q.TTL)
	case "renew":
		err = s.hub.Renew(ctx, q.Lease)
	case "revoke":
		err = s.hub.Revoke(ctx, q.Lease)
	default:
		err = fmt.Errorf("call %.40q: %w", op, store.ErrRefused)
	}
	return reply, err
}

func mayRead(prefix string) error {
	if !strings.HasPrefix(prefix, name.All) {
		return fmt.Errorf("%.300q: %w: keys begin with %s", prefix, store.ErrRefused, name.All)
	}
	return nil
}

// mayWrite lets a node write its own keys alone, and well-formed records alone (nil: a deletion).
func mayWrite(node, key string, value []byte) error {
	k, err := name.Parse(key)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrRefused, err)
	}
	if k.Node != node {
		return fmt.Errorf("%s: %w: %s may write its own facts alone", key, store.ErrDenied, node)
	}
	if value != nil {
		_, err = record.Decode(k, value)
	}
	return err
}

// masked hides the leases of others: whoever knows a lease can end it.
func masked(e store.Entry, node string) store.Entry {
	if e.Lease != 0 {
		if k, err := name.Parse(e.Key); err != nil || k.Node != node {
			e.Lease = 0
		}
	}
	return e
}

// flushAt is about how many bytes of frames are handed to the connection at once.
const flushAt = 64 << 10

// watchPause is the least time between two writes of a watch, and watchShare what each further watch adds to it: a thousand watches of a fleet
// in motion would be a thousand writes for every change.
const (
	watchPause = 5 * time.Millisecond
	watchShare = 50 * time.Microsecond
)

// stream writes frames.
type stream struct {
	w            http.ResponseWriter
	c            *http.ResponseController
	buf, scratch []byte
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", wire.Frames)
	w.Header().Set("Cache-Control", "no-store")
	return &stream{w: w, c: http.NewResponseController(w)}
}

func (s *stream) add(f wire.Frame) error {
	s.buf, s.scratch = wire.Encode(s.buf, s.scratch, f)
	if len(s.buf) < flushAt {
		return nil
	}
	return s.write()
}

// write hands on what is there; a peer that does not read for writeTimeout is given up.
func (s *stream) write() error {
	if err := s.c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (s *stream) flush() error {
	if err := s.write(); err != nil {
		return err
	}
	return s.c.Flush()
}

func (s *server) list(w http.ResponseWriter, r *http.Request, node string, q wire.Request) error {
	if err := mayRead(q.Key); err != nil {
		return err
	}
	l, err := s.hub.List(r.Context(), q.Key)
	if err != nil {
		return err
	}
	out := newStream(w)
	for _, e := range l.Entries {
		if out.add(wire.Frame{Event: &store.Event{Entry: masked(e, node)}}) != nil {
			return nil // the peer has gone: it sees that the mark is missing
		}
	}
	if out.add(wire.Frame{Mark: &wire.Mark{Revision: l.Revision, Now: l.Now}}) == nil {
		out.flush()
	}
	return nil
}

func (s *server) watch(w http.ResponseWriter, r *http.Request, node string, q wire.Request) error {
	if err := mayRead(q.Key); err != nil {
		return err
	}
	watches := s.watches.Add(1)
	defer s.watches.Add(-1)
	out := newStream(w)
	sent := time.Time{}
	for after := q.After; ; watches = s.watches.Load() {
		ctx, cancel := context.WithTimeoutCause(r.Context(), wire.Heartbeat, errQuiet)
		evs, rev, err := s.hub.Next(ctx, q.Key, after)
		cancel()
		if err != nil && !errors.Is(err, errQuiet) {
			s.endWatch(out, r, err)
			return nil
		}
		if _, err := s.peer(r); err != nil {
			s.endWatch(out, r, err)
			return nil
		}
		for i := range evs {
			e := evs[i]
			e.Entry = masked(e.Entry, node)
			if out.add(wire.Frame{Event: &e}) != nil {
				return nil
			}
		}
		after = rev
		if out.add(wire.Frame{Mark: &wire.Mark{Revision: rev, Now: s.clock()}}) != nil || out.flush() != nil {
			return nil
		}
		// Of many changes several go in one write; after a quiet moment a change goes at once.
		pause := watchPause + time.Duration(watches)*watchShare
		if now := time.Now(); now.Sub(sent) < pause {
			rest(r.Context(), sent.Add(pause))
		}
		sent = time.Now()
	}
}

// rest pauses until a moment, or until the context ends.
func rest(ctx context.Context, until time.Time) {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

var errQuiet = errors.New("nothing happened")

func (s *server) endWatch(out *stream, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	_, f := wire.Status(err)
	if out.add(wire.Frame{Failure: &f}) == nil {
		out.flush()
	}
}

// renew signs the key of the caller's certificate anew, for the same name.
func (s *server) renew(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.peer(r); err != nil {
		return err
	}
	cert, err := s.authority.Renew(r.TLS.PeerCertificates[0])
	if err == nil {
		wire.Write(w, http.StatusOK, wire.Reply{Certificate: string(cert)})
	}
	return err
}
