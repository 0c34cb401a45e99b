package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/store"
)

// silence is how long a watch may say nothing before its connection is taken for dead.
const silence = 3 * wire.Heartbeat

// List implements store.Store.
func (c *Client) List(ctx context.Context, prefix string) (store.Listing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*callTimeout, fmt.Errorf("%w: no listing in %s", store.ErrUnavailable, 2*callTimeout))
	defer cancel()
	body, err := c.open(ctx, wire.Path+"list", wire.Request{Key: prefix}, wire.Frames)
	if err != nil {
		return store.Listing{}, err
	}
	defer body.Close()
	r := bufio.NewReaderSize(io.LimitReader(body, maxList), 64<<10)
	var l store.Listing
	for {
		f, err := wire.Read(r)
		switch {
		case err != nil && ctx.Err() != nil:
			return store.Listing{}, c.failed(ctx, err)
		case err != nil:
			return store.Listing{}, c.nonsense("list", err)
		case f.Failure != nil:
			return store.Listing{}, f.Failure.Err()
		case f.Mark != nil:
			l.Revision, l.Now = f.Mark.Revision, f.Mark.Now
			return l, nil
		case f.Event.Deleted || !strings.HasPrefix(f.Event.Key, prefix):
			return store.Listing{}, c.nonsense("list", nil)
		}
		l.Entries = append(l.Entries, f.Event.Entry)
	}
}

// Watch implements store.Store.
func (c *Client) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return store.Resume(ctx, after, func(after int64, yield func([]store.Event) bool) (int64, error) {
		return c.watchOnce(ctx, prefix, after, yield)
	})
}

// watchOnce reads one connection's stream until it breaks, emit wants no more, or (no error) connections with a new certificate have taken its
// place. It returns the revision up to which all has been emitted.
func (c *Client) watchOnce(ctx context.Context, prefix string, after int64, emit func([]store.Event) bool) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := fmt.Errorf("%w: silent for %s", store.ErrUnavailable, silence)
	watchdog := time.AfterFunc(silence, func() { cancel(quiet) })
	defer watchdog.Stop()
	mine := c.connections()
	body, err := c.open(ctx, wire.Path+"watch", wire.Request{Key: prefix, After: after}, wire.Frames)
	if err != nil {
		return after, err
	}
	defer body.Close()
	r := bufio.NewReaderSize(body, 64<<10)
	var batch []store.Event
	for {
		f, err := wire.Read(r)
		switch {
		case errors.Is(err, io.EOF) && ctx.Err() == nil:
			return after, fmt.Errorf("exchange %s: %w: watch ended", c.base.Host, store.ErrUnavailable)
		case err != nil:
			return after, c.failed(ctx, err)
		case f.Failure != nil:
			return after, f.Failure.Err()
		case f.Event != nil:
			if !strings.HasPrefix(f.Event.Key, prefix) || f.Event.Revision <= after {
				return after, c.nonsense("watch", nil)
			}
			batch = append(batch, *f.Event)
			continue
		}
		if f.Mark.Revision < after {
			return after, c.nonsense("watch", errors.New("revisions run backwards"))
		}
		after = f.Mark.Revision
		watchdog.Stop() // the consumer may take its time
		if len(batch) > 0 && !emit(batch) {
			return after, nil
		}
		batch = nil
		if c.keepCertificate(ctx); c.connections() != mine {
			return after, nil
		}
		watchdog.Reset(silence)
	}
}
