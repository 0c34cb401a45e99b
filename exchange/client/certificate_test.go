package client

import (
	"context"
	"encoding/json"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// renewing is an exchange that signs certificates anew, unless it is away.
type renewing struct {
	*Client
	asked atomic.Int32
	away  atomic.Bool

	mu    sync.Mutex
	now   time.Time
	shown *big.Int // the serial number of the certificate that the last call came with
}

func newRenewing(t *testing.T, others http.HandlerFunc) (r *renewing, dir string) {
	var authority *pki.Authority
	r = &renewing{now: time.Now()}
	r.Client, authority, dir = exchange(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		leaf := q.TLS.PeerCertificates[0]
		r.mu.Lock()
		r.shown = leaf.SerialNumber
		r.mu.Unlock()
		if q.URL.Path != wire.RenewPath {
			others(w, q)
			return
		}
		r.asked.Add(1)
		b, err := authority.Sign(leaf.Subject.CommonName, leaf.PublicKey)
		if err != nil || r.away.Load() {
			wire.Handler(func(http.ResponseWriter, *http.Request) error { return store.ErrUnavailable }).ServeHTTP(w, q)
			return
		}
		wire.Write(w, http.StatusOK, wire.Reply{Certificate: string(b)})
	}))
	r.clock = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.now
	}
	return r, dir
}

func (r *renewing) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *renewing) serial() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown.String()
}

// TestALongRunRenewsItsCertificate: with its lease, when it is time, and not at every beat when it cannot be had; what follows shows the new one.
func TestALongRunRenewsItsCertificate(t *testing.T) {
	c, dir := newRenewing(t, func(w http.ResponseWriter, _ *http.Request) { wire.Write(w, http.StatusOK, wire.Reply{}) })
	read := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "node.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before, first := read(), ""
	for _, step := range []struct {
		after   time.Duration
		away    bool
		asked   int32
		renewed bool
	}{
		{0, false, 0, false},
		{59 * 24 * time.Hour, false, 0, false},
		{2 * 24 * time.Hour, true, 1, false},
		{5 * time.Second, false, 1, false}, // it was asked a moment ago
		{renewEvery, false, 2, true},
	} {
		c.pass(step.after)
		c.away.Store(step.away)
		if err := c.Renew(t.Context(), 1); err != nil {
			t.Errorf("after %v: %v", step.after, err)
		}
		if first == "" {
			first = c.serial()
		}
		if got := c.asked.Load(); got != step.asked || (read() != before) != step.renewed {
			t.Errorf("after %v: asked %d times, want %d; another certificate: %v", step.after, got, step.asked, read() != before)
		}
		if err := c.Renew(t.Context(), 1); err != nil {
			t.Errorf("after %v: %v", step.after, err)
		}
		if (c.serial() != first) != step.renewed {
			t.Errorf("after %v: shown is certificate %s, at first %s", step.after, c.serial(), first)
		}
	}
}

// TestALongWatchRenewsItsCertificate, and goes on with the new one where it was.
func TestALongWatchRenewsItsCertificate(t *testing.T) {
	var c *renewing
	watched := make(chan int64, 10) // from which revision
	c, _ = newRenewing(t, func(w http.ResponseWriter, r *http.Request) {
		var q wire.Request
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		watched <- q.After
		w.Header().Set("Content-Type", wire.Frames)
		c.pass(61 * 24 * time.Hour) // a mark has come, and then it is time
		event := store.Event{Entry: store.Entry{Key: "facts/d/n/up", Value: []byte("1"), Revision: q.After + 2}}
		b, _ := wire.Encode(nil, nil, wire.Frame{Event: &event})
		b, _ = wire.Encode(b, nil, wire.Frame{Mark: &wire.Mark{Revision: q.After + 3}})
		w.Write(b)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	var shown []string
	var revisions []int64
	ctx, cancel := context.WithTimeout(t.Context(), silence-time.Second) // not because nothing was heard
	defer cancel()
	for evs, err := range c.Watch(ctx, "facts/d/", 7) {
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, c.serial())
		revisions = append(revisions, evs[0].Revision)
		if len(shown) == 2 {
			break
		}
	}
	if diff := cmp.Diff([]int64{9, 12}, revisions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{7, 10}, []int64{<-watched, <-watched}); diff != "" {
		t.Errorf("watched from: %s", diff)
	}
	if shown[0] == shown[1] || strings.TrimSpace(shown[1]) == "" {
		t.Errorf("certificates shown: %v", shown)
	}
}
