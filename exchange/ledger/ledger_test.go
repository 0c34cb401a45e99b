package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/store"
)

// events prints "3+a 3-b": revision, written or deleted, key.
func events(evs []store.Event) string {
	var out []string
	for _, e := range evs {
		sign := "+"
		if e.Deleted {
			sign = "-"
		}
		out = append(out, fmt.Sprintf("%d%s%s", e.Revision, sign, e.Key))
	}
	return strings.Join(out, " ")
}

func TestWritesOfAGroupSeeEachOther(t *testing.T) {
	l := New(1, nil, nil)
	tx := l.Begin(time.Unix(0, 0))
	rev, err := tx.Put(store.Put{Key: "a", Expect: 0})
	if err != nil || rev != 2 {
		t.Fatalf("first write: %d %v", rev, err)
	}
	if _, err := tx.Put(store.Put{Key: "a", Expect: 0}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("it must not be there, and is: %v", err)
	}
	if _, err := tx.Put(store.Put{Key: "a", Expect: 2}); err != nil {
		t.Error(err)
	}
	if err := tx.Delete("b", store.Any); err != nil || tx.Revision() != 3 {
		t.Errorf("deleting what is not there: %v, revision %d", err, tx.Revision())
	}
	if _, err := l.Get("a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("seen before the commit: %v", err)
	}
	l.Commit(tx)
	e, err := l.Get("a")
	if err != nil || e.Revision != 3 || e.Created != 2 {
		t.Errorf("after the commit: %+v %v", e, err)
	}
}

func TestALeaseEndsWithItsKeysAtOnce(t *testing.T) {
	now := time.Unix(100, 0)
	l := New(1, nil, nil)
	tx := l.Begin(now)
	lease, err := tx.Grant(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"a", "b", "c"} {
		of := lease
		if k == "b" {
			of = 0
		}
		if _, err := tx.Put(store.Put{Key: k, Expect: store.Any, Lease: of}); err != nil {
			t.Fatal(err)
		}
	}
	l.Commit(tx)
	if got := l.NextExpiry(); !got.Equal(now.Add(10 * time.Second)) {
		t.Errorf("expires at %v", got)
	}
	tx = l.Begin(now.Add(10 * time.Second))
	if err := tx.Renew(lease); !errors.Is(err, store.ErrNoLease) {
		t.Errorf("renewed when it was over: %v", err)
	}
	tx.Expire()
	l.Commit(tx)
	if diff := cmp.Diff("5-a 5-c", events(tx.Events())); diff != "" {
		t.Error(diff)
	}
	if got := l.List(""); len(got.Entries) != 1 || got.Entries[0].Key != "b" || len(l.Leases()) != 0 {
		t.Errorf("left: %+v, %v", got, l.Leases())
	}
	for _, ttl := range []time.Duration{0, -1, store.MaxTTL + 1} {
		if _, err := l.Begin(now).Grant(ttl); !errors.Is(err, store.ErrRefused) {
			t.Errorf("ttl %v: %v", ttl, err)
		}
	}
}

func TestHistoryIsBoundedAndSaysSo(t *testing.T) {
	l := New(1, nil, nil)
	big := make([]byte, 1<<20)
	for i := range 80 { // MiB, more than history keeps
		tx := l.Begin(time.Unix(0, 0))
		if _, err := tx.Put(store.Put{Key: fmt.Sprint("k", i%2), Value: big, Expect: store.Any}); err != nil {
			t.Fatal(err)
		}
		l.Commit(tx)
	}
	if _, _, err := l.Since("", 1, 10); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("what is forgotten: %v", err)
	}
	if _, _, err := l.Since("", l.Revision()+1, 10); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("what has not been: %v", err)
	}
	evs, upto, err := l.Since("k1", l.Revision()-4, 100)
	if err != nil || upto != l.Revision() || len(evs) != 2 {
		t.Errorf("%s up to %d, %v", events(evs), upto, err)
	}
	if compacted, kept := l.History(); compacted < 15 || len(kept) > 64 {
		t.Errorf("%d events kept, forgotten up to %d", len(kept), compacted)
	}
}

// moody is a log that fails when it is told to, having kept the commit or not.
type moody struct {
	fail, keeps bool
	kept        []store.Entry
	revision    int64
}

func (m *moody) Load(time.Time) (*Ledger, error) { return New(m.revision, m.kept, nil), nil }

func (m *moody) Commit(t *Tx) error {
	if !m.fail || m.keeps {
		for _, e := range t.Events() {
			m.kept, m.revision = append(m.kept, e.Entry), e.Revision
		}
	}
	if m.fail {
		return errors.New("disk is full")
	}
	return nil
}

// TestACommitThatFails: the caller is told that it may have happened or not, and what is seen afterwards is what was kept.
func TestACommitThatFails(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		t.Run(fmt.Sprint("kept all the same: ", keeps), func(t *testing.T) {
			log := &moody{fail: true, keeps: keeps}
			h, err := NewHub(log, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			if _, err := h.Put(t.Context(), store.Put{Key: "a", Expect: 0}); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
				t.Errorf("got %v", err)
			}
			if _, err := h.Get(t.Context(), "a"); (err == nil) != keeps {
				t.Errorf("afterwards: %v", err)
			}
			log.fail = false
			if _, err := h.Put(t.Context(), store.Put{Key: "b", Expect: 0}); err != nil {
				t.Errorf("when there is space again: %v", err)
			}
		})
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := NewHub(Volatile{}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			for _, err := range h.Watch(t.Context(), "", 1) {
				ended <- err
			}
		}()
		synctest.Wait()
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("watch: %v", err)
		}
		if _, err := h.Put(t.Context(), store.Put{Key: "a"}); !errors.Is(err, store.ErrClosed) {
			t.Errorf("put: %v", err)
		}
	})
}
