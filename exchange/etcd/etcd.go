// Package etcd is the driver for an ordinary etcd cluster, 3.4 or later.
//
// Etcd has no clock that clients could read, so the times of entries and listings are zero; what is to go by the store's
// clock goes by leases.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nodeapply/apply/exchange/store"
)

const (
	dialTimeout = 10 * time.Second
	callTimeout = 15 * time.Second
	keepalive   = 20 * time.Second // etcd takes more than one in 5 s for abuse
)

// Options of New.
type Options struct {
	Endpoints []string    // host:port; the scheme follows from TLS
	TLS       *tls.Config // nil: plain
	User      string      // with Password, where etcd's own users are asked for
	Password  string
}

// Store is a store in an etcd cluster.
type Store struct {
	c    *clientv3.Client
	name string // of the cluster, for errors
}

var _ store.Store = (*Store)(nil)

// New makes a client of a cluster. With a user it connects at once, else at the first call.
func New(ctx context.Context, o Options) (*Store, error) {
	scheme := "http://"
	if o.TLS != nil {
		scheme = "https://"
	}
	endpoints := make([]string, len(o.Endpoints))
	for i, e := range o.Endpoints {
		endpoints[i] = scheme + e
	}
	// The client lives until Close, not until the context that opens it ends.
	c, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, TLS: o.TLS, Username: o.User, Password: o.Password,
		DialTimeout: dialTimeout, DialKeepAliveTime: keepalive, DialKeepAliveTimeout: keepalive / 2,
		Context: context.WithoutCancel(ctx), Logger: zap.NewNop(),
	})
	s := &Store{c, "etcd " + strings.Join(o.Endpoints, ",")}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return s, nil
}

// Close lets go of the cluster.
func (s *Store) Close() error {
	if err := s.c.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, callTimeout, fmt.Errorf("%w: no answer in %s", store.ErrUnavailable, callTimeout))
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Entry, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	r, err := s.c.Get(ctx, key)
	if err != nil {
		return store.Entry{}, s.failed(ctx, err)
	}
	if len(r.Kvs) == 0 {
		return store.Entry{}, fmt.Errorf("%q: %w", key, store.ErrNotFound)
	}
	return entry(r.Kvs[0]), nil
}

// pageSize keeps listings below gRPC's and etcd's bounds: at most so many of 64 KiB each come in one answer.
const pageSize = 1000

// List implements store.Store. A long listing comes in pages of one revision.
func (s *Store) List(ctx context.Context, prefix string) (store.Listing, error) {
	var l store.Listing
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	if prefix == "" {
		from = "\x00" // the least key: etcd has no empty one
	}
	for {
		ctx, cancel := within(ctx)
		r, err := s.c.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(l.Revision))
		if err != nil {
			err = s.failed(ctx, err)
		}
		cancel()
		if err != nil {
			return store.Listing{}, err
		}
		if l.Revision == 0 {
			l.Revision = r.Header.Revision
		}
		for _, kv := range r.Kvs {
			l.Entries = append(l.Entries, entry(kv))
		}
		if !r.More || len(r.Kvs) == 0 {
			return l, nil
		}
		from = string(r.Kvs[len(r.Kvs)-1].Key) + "\x00"
	}
}

// guard gives the conditions of a transaction that expects a revision.
func guard(key string, expect int64) []clientv3.Cmp {
	if expect == store.Any {
		return nil
	}
	return []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", expect)}
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, p store.Put) (int64, error) {
	put := clientv3.OpPut(p.Key, string(p.Value), clientv3.WithLease(clientv3.LeaseID(p.Lease)))
	return s.txn(ctx, p.Key, p.Expect, put)
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, expect int64) error {
	_, err := s.txn(ctx, key, expect, clientv3.OpDelete(key))
	return err
}

func (s *Store) txn(ctx context.Context, key string, expect int64, op clientv3.Op) (int64, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	r, err := s.c.Txn(ctx).If(guard(key, expect)...).Then(op).Commit()
	if err != nil {
		return 0, s.failed(ctx, err)
	}
	if !r.Succeeded {
		return 0, fmt.Errorf("%q: %w (expected revision %d)", key, store.ErrConflict, expect)
	}
	return r.Header.Revision, nil
}

// Grant implements store.Store.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (store.LeaseID, error) {
	if ttl <= 0 || ttl > store.MaxTTL {
		return 0, fmt.Errorf("ttl %s: %w (0 < ttl <= %s)", ttl, store.ErrRefused, store.MaxTTL)
	}
	ctx, cancel := within(ctx)
	defer cancel()
	r, err := s.c.Grant(ctx, int64(math.Ceil(ttl.Seconds())))
	if err != nil {
		return 0, s.failed(ctx, err)
	}
	return store.LeaseID(r.ID), nil
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, id store.LeaseID) error {
	ctx, cancel := within(ctx)
	defer cancel()
	r, err := s.c.KeepAliveOnce(ctx, clientv3.LeaseID(id))
	if err != nil {
		return s.failed(ctx, err)
	}
	if r.TTL <= 0 {
		return fmt.Errorf("lease %x: %w", int64(id), store.ErrNoLease)
	}
	return nil
}

// Revoke implements store.Store.
func (s *Store) Revoke(ctx context.Context, id store.LeaseID) error {
	ctx, cancel := within(ctx)
	defer cancel()
	if _, err := s.c.Revoke(ctx, clientv3.LeaseID(id)); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

// Watch implements store.Store. The etcd client reconnects by itself to any member; what ends its watch (no leader for
// long, a member that is stopping) is begun again here.
func (s *Store) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]store.Event, error] {
	return store.Resume(ctx, after, func(after int64, yield func([]store.Event) bool) (int64, error) {
		return s.watchOnce(ctx, prefix, after, yield)
	})
}

func (s *Store) watchOnce(ctx context.Context, prefix string, after int64, yield func([]store.Event) bool) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// WithFragment splits what would be over gRPC's bound; the client puts the parts together again.
	ch := s.c.Watch(clientv3.WithRequireLeader(ctx), prefix, clientv3.WithPrefix(), clientv3.WithRev(after+1), clientv3.WithFragment())
	for r := range ch {
		if r.CompactRevision != 0 {
			return after, fmt.Errorf("revision %d: %w", after, store.ErrCompacted)
		}
		if err := r.Err(); err != nil {
			return after, s.failed(ctx, err)
		}
		if len(r.Events) == 0 {
			continue
		}
		evs := make([]store.Event, len(r.Events))
		for i, e := range r.Events {
			if e.Type == clientv3.EventTypeDelete {
				evs[i] = store.Event{Entry: store.Entry{Key: string(e.Kv.Key), Revision: e.Kv.ModRevision}, Deleted: true}
			} else {
				evs[i] = store.Event{Entry: entry(e.Kv)}
			}
		}
		after = evs[len(evs)-1].Revision
		if !yield(evs) {
			return after, nil
		}
	}
	return after, fmt.Errorf("%s: %w: watch ended", s.name, store.ErrUnavailable)
}

func entry(kv *mvccpb.KeyValue) store.Entry {
	return store.Entry{
		Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision, Created: kv.CreateRevision, Lease: store.LeaseID(kv.Lease),
	}
}

// failed sorts etcd's errors into the store's.
func (s *Store) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", s.name, context.Cause(ctx))
	}
	kind := store.ErrUnavailable
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		kind = store.ErrNoLease
	case errors.Is(err, rpctypes.ErrCompacted):
		kind = store.ErrCompacted
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrEmptyKey):
		kind = store.ErrRefused
	case errors.Is(err, rpctypes.ErrPermissionDenied), errors.Is(err, rpctypes.ErrAuthFailed),
		errors.Is(err, rpctypes.ErrUserEmpty), errors.Is(err, rpctypes.ErrPermissionNotGranted),
		errors.Is(err, rpctypes.ErrAuthNotEnabled):
		kind = store.ErrDenied
	default:
		if c := status.Code(err); c == codes.PermissionDenied || c == codes.Unauthenticated {
			kind = store.ErrDenied
		}
	}
	return fmt.Errorf("%s: %w: %w", s.name, kind, err)
}
