// Package store is the small interface on which the exchange stands: keys with values, one revision counter over all of
// them, conditional writes, watches from a revision, and leases.
//
// The semantics are those of etcd, which is the oracle of the conformance suite (exchange/store/storetest): every write that
// changes something takes the next revision; a write that changes nothing (deleting what is not there) takes none; all keys
// of a lease go in one revision when it ends. Keys and prefixes are plain bytes, ordered as such.
//
// A call is tried once. [ErrUnavailable] says that trying again may help, and that a write may or may not have happened.
package store

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Errors of a store; drivers wrap them, callers use errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("changed by another")      // the expected revision is not the present one
	ErrNoLease     = errors.New("lease is over")           // unknown, revoked or run out
	ErrCompacted   = errors.New("history is forgotten")    // a watch asked for revisions that are no longer kept: list again
	ErrDenied      = errors.New("denied")                  // not authenticated, revoked, or not allowed to
	ErrRefused     = errors.New("refused")                 // the store will never accept this key or value
	ErrUnavailable = errors.New("exchange is unavailable") // down, full, cut off, or answering nonsense
	ErrClosed      = errors.New("store is closed")
)

// Any as the expected revision of a write makes it unconditional; 0 means that the key must not be there.
const Any int64 = -1

// MaxTTL bounds a lease.
const MaxTTL = 366 * 24 * time.Hour

// LeaseID names a lease; 0 is none.
type LeaseID int64

// Entry is one key as it stands at a revision.
type Entry struct {
	Key      string
	Value    []byte
	Revision int64     // of the last write of the key
	Created  int64     // of the write that brought the key into being
	Lease    LeaseID   // the key goes when this lease ends
	Time     time.Time // of the last write by the store's clock; zero where the driver has no such clock (etcd)
}

// Event is one change of a key: an Entry as written, or, when Deleted, its Key and the Revision of the deletion alone.
type Event struct {
	Entry
	Deleted bool
}

// Listing is what stood under a prefix at one revision, in the order of keys.
type Listing struct {
	Entries  []Entry
	Revision int64     // of the whole store
	Now      time.Time // the store's clock; zero where the driver has none
}

// Put is one write of a key.
type Put struct {
	Key    string
	Value  []byte
	Expect int64 // [Any], 0 (must not be there) or the present revision
	Lease  LeaseID
}

// Store is what a driver gives. Values given and returned must not be changed afterwards by either side.
// Every method ends when its context does. The suite in exchange/store/storetest is the law in executable form.
type Store interface {
	Get(ctx context.Context, key string) (Entry, error)
	List(ctx context.Context, prefix string) (Listing, error)
	// Put returns the revision that it made.
	Put(ctx context.Context, p Put) (int64, error)
	// Delete removes a key if it stands at the expected revision (or [Any]). Deleting an absent key with Any is no error.
	Delete(ctx context.Context, key string, expect int64) error
	// Watch yields the changes under prefix that came after a revision, in order, each revision whole in one batch, and goes
	// on until the context ends or the loop breaks. It reconnects by itself, with backoff. It yields an error once, as the
	// last thing: the context's, ErrCompacted, ErrDenied or ErrClosed.
	Watch(ctx context.Context, prefix string, after int64) iter.Seq2[[]Event, error]
	Leaser
	Close() error
}

// Leaser makes leases: keys put under one are deleted when it is revoked, or not renewed for its ttl by the store's clock.
type Leaser interface {
	// Grant makes a lease. Drivers round ttl up to what they can count; etcd's least is about 2 s.
	Grant(ctx context.Context, ttl time.Duration) (LeaseID, error)
	Renew(ctx context.Context, id LeaseID) error
	Revoke(ctx context.Context, id LeaseID) error
}
