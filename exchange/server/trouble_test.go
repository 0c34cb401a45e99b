package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/store"
)

func TestAnExchangeThatIsDown(t *testing.T) {
	s := exchangetest.StartServer(t)
	c := s.Client(t, "node01")
	s.Stop(t)
	want(t, "put", put(t, c, mine, okFact("1")), store.ErrUnavailable)
	why := errors.New("time is over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, why)
	defer cancel()
	for _, err := range c.Watch(ctx, "facts/", 1) {
		want(t, "watch", err, why)
	}
}

func TestWatchesResumeWhenItComesBack(t *testing.T) {
	data := t.TempDir()
	s := exchangetest.StartServerOn(t, data, "")
	c := s.Client(t, "node01")
	seen := make(chan store.Update, 100)
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan bool)
	go func() {
		defer close(followed)
		for u, err := range store.Follow(ctx, c, "facts/") {
			if err == nil {
				seen <- u
			}
		}
	}()
	defer func() { cancel(); <-followed }()
	<-seen
	if err := put(t, c, mine, okFact("1")); err != nil {
		t.Fatal(err)
	}
	if u := <-seen; len(u.Changes) != 1 {
		t.Fatalf("before: %+v", u)
	}
	s.Stop(t)
	exchangetest.StartServerOn(t, data, s.Addr)
	if _, err := store.Retry(t.Context(), func(ctx context.Context) (int64, error) {
		return c.Put(ctx, store.Put{Key: mine, Value: okFact("2"), Expect: store.Any})
	}); err != nil {
		t.Fatal(err)
	}
	for u := range seen {
		if len(u.Changes) > 0 && string(u.Changes[len(u.Changes)-1].Value) == string(okFact("2")) {
			return
		}
		if u.Reset != nil && len(u.Reset.Entries) > 0 && string(u.Reset.Entries[0].Value) == string(okFact("2")) {
			return
		}
	}
}

// TestADiskThatIsFull has the exchange's data on a file system of its own.
func TestADiskThatIsFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root: left out is an exchange whose disk is full, as that needs a mount")
	}
	data := t.TempDir()
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("mount is not allowed here (%v): left out is an exchange whose disk is full", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(data, 0); err != nil {
			t.Error(err)
		}
	})
	s := exchangetest.StartServerOn(t, data, "")
	c := s.Client(t, "node01")
	big, err := json.Marshal(strings.Repeat("x", 60<<10))
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	full := false
	for i := range 40 {
		key := fmt.Sprint("facts/default/node01/f", i)
		err := put(t, c, key, okFact(string(big)))
		if err == nil {
			kept[key] = true
			continue
		}
		full = true
		want(t, "put on a full disk", err, store.ErrUnavailable)
		if !strings.Contains(err.Error(), "no space left") {
			t.Errorf("error %v, want one that says why", err)
		}
	}
	if !full || len(kept) == 0 {
		t.Fatalf("%d kept, full: %v", len(kept), full)
	}
	check := func(what string) {
		t.Helper()
		l, err := c.List(t.Context(), "facts/")
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Entries) != len(kept) {
			t.Errorf("%s: %d facts, %d were acknowledged", what, len(l.Entries), len(kept))
		}
		for _, e := range l.Entries {
			if !kept[e.Key] {
				t.Errorf("%s: %s is there, and its put was an error", what, e.Key)
			}
		}
	}
	check("full")
	addr := s.Addr
	s.Stop(t)
	exchangetest.StartServerOn(t, data, addr)
	check("started again")
}
