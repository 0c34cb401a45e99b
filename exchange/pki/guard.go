package pki

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/name"
)

// ErrRevoked and ErrToken say why somebody is not let in.
var (
	ErrRevoked = errors.New("certificate is revoked")
	ErrToken   = errors.New("bearer token is missing or unknown")
)

type tokenEntry struct {
	Made time.Time `json:"made"`
}

// Revoke ends all certificates of a node that it was enrolled with until now, also by a clock that was ahead, and what they were renewed to. Enrolling it again lets
// it in again.
func (a *Authority) Revoke(ctx context.Context, node string) error {
	if err := name.Node(node); err != nil {
		return err
	}
	a.mu.Lock()
	known, err := a.known.get()
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return change(ctx, a, &a.revoked, func(m map[string]int64) { m[node] = max(m[node], known[node], a.clock().UnixNano()) })
}

// Know keeps that a node was let in.
func (a *Authority) Know(ctx context.Context, node string) error {
	return change(ctx, a, &a.known, func(m map[string]int64) { m[node] = max(m[node], a.clock().UnixNano()) })
}

// Known are the nodes that were let in.
func (a *Authority) Known() ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, err := a.known.get()
	return slices.Sorted(maps.Keys(known)), err
}

// Check tells whether a certificate that this authority signed is still good: not revoked, not run out.
func (a *Authority) Check(c *x509.Certificate) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	revoked, err := a.revoked.get()
	if err != nil {
		return err
	}
	if at, ok := revoked[c.Subject.CommonName]; ok && since(c) <= at {
		return fmt.Errorf("%s: %w", c.Subject.CommonName, ErrRevoked)
	}
	if a.clock().After(c.NotAfter) {
		return fmt.Errorf("%s: certificate has run out on %s", c.Subject.CommonName, c.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// NewToken makes a bearer token. Only its hash is kept: it is shown this once.
func (a *Authority) NewToken(ctx context.Context) (string, error) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	token := base64.RawURLEncoding.EncodeToString(b[:])
	return token, change(ctx, a, &a.tokens, func(m map[string]tokenEntry) { m[hash(token)] = tokenEntry{Made: a.clock().UTC()} })
}

// CheckToken tells whether a bearer token is one of those made here.
func (a *Authority) CheckToken(token string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	tokens, err := a.tokens.get()
	if err != nil {
		return err
	}
	if _, ok := tokens[hash(token)]; !ok { // what is compared are hashes: time tells nothing about a token
		return ErrToken
	}
	return nil
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// change replaces one of the authority's files, with its lock held.
func change[K comparable, V any](ctx context.Context, a *Authority, w *watched[map[K]V], f func(map[K]V)) error {
	lock, err := a.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	w.seen = nil // read again: another process may have changed it within one tick of its clock
	m, err := w.get()
	if err != nil {
		return err
	}
	if m == nil {
		m = map[K]V{}
	}
	f(m)
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	w.seen = nil
	return durable.WriteFile(w.path, append(b, '\n'), 0o600)
}

// watched is a JSON file that is read again when it was replaced. No file is the zero value; a broken one is an error, as
// taking it for empty would let the revoked in.
type watched[T any] struct {
	path  string
	seen  os.FileInfo // nil: to be read
	value T
}

func (w *watched[T]) get() (T, error) {
	var zero T
	info, err := os.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		w.seen, w.value = nil, zero
		return zero, nil
	}
	if err != nil {
		return zero, err
	}
	if durable.Unwritten(w.seen, info) {
		return w.value, nil
	}
	b, err := os.ReadFile(w.path)
	if err != nil {
		return zero, err
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return zero, fmt.Errorf("%s: %w", w.path, err)
	}
	w.seen, w.value = info, v
	return v, nil
}
