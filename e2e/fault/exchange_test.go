//go:build linux && amd64

package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// served is an exchange that a program serves from a folder of data, and a node of it.
type served struct {
	data, address string
	node          *client.Client
}

// serveNew makes the data of an exchange and a node that is let in.
func serveNew(t *testing.T, dir string) *served {
	t.Helper()
	s := &served{data: filepath.Join(dir, "data")}
	authority, err := pki.OpenAuthority(t.Context(), s.data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Enroll("node01", filepath.Join(dir, "node01")); err != nil {
		t.Fatal(err)
	}
	credentials, err := pki.LoadCredentials(filepath.Join(dir, "node01"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	l.Close()
	if s.node, err = client.New("https://"+s.address, credentials); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.node.Close() })
	return s
}

// serve runs the exchange until it is killed or ctx ends.
func (s *served) serve(ctx context.Context, at func(ptrace.Call) ptrace.Verdict) <-chan ptrace.Result {
	ended := make(chan ptrace.Result, 1)
	go func() {
		res, _ := ptrace.Run(ctx, ptrace.Options{ // that it had to be killed is its only error
			Args: []string{programs.apply, "exchange", "serve", "--data", s.data, "--listen", s.address}, Env: os.Environ(), At: at,
		})
		ended <- res
	}()
	return ended
}

const killedFact = "facts/default/node01/n"

// export writes the fact n = first, first+1, ... last, each once the one before is acknowledged, and returns what was.
func (s *served) export(ctx context.Context, first, last int) (acknowledged int, err error) {
	for n := first; n <= last; n++ {
		if _, err := s.node.Put(ctx, store.Put{Key: killedFact, Value: fmt.Appendf(nil, `{"status":"ok","value":%d}`, n), Expect: store.Any}); err != nil {
			return n - 1, err
		}
	}
	return last, nil
}

// up waits until the exchange answers.
func (s *served) up(ctx context.Context) error {
	_, err := store.Retry(ctx, func(ctx context.Context) (store.Listing, error) { return s.node.List(ctx, "facts/") })
	return err
}

// stands is the fact's value now, 0 for none.
func (s *served) stands(ctx context.Context) (n int, err error) {
	e, err := store.Retry(ctx, func(ctx context.Context) (store.Entry, error) { return s.node.Get(ctx, killedFact) })
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err == nil {
		_, err = fmt.Sscanf(string(e.Value), `{"status":"ok","value":%d}`, &n)
	}
	return n, err
}

// watch follows the fact and hands on each value that it sees, until ctx ends.
func (s *served) watch(ctx context.Context) <-chan int {
	seen := make(chan int, 1000)
	go func() {
		defer close(seen)
		for u, err := range store.Follow(ctx, s.node, "facts/") {
			if err != nil {
				return
			}
			evs := u.Changes
			if u.Reset != nil {
				for _, e := range u.Reset.Entries {
					evs = append(evs, store.Event{Entry: e})
				}
			}
			for _, e := range evs {
				var n int
				if _, err := fmt.Sscanf(string(e.Value), `{"status":"ok","value":%d}`, &n); err == nil {
					seen <- n
				}
			}
		}
	}()
	return seen
}

// exports is how many facts are written before the exchange is killed, and after it was started again.
const exports = 4

// killedExchange kills an exchange before its k-th changing call while a node exports and watches, starts it again, and returns what was lost; done
// says that the call never came. destroy is what else happens to the data.
func killedExchange(t *testing.T, k int, destroy func(data string) error) (fault string, done bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	s := serveNew(t, t.TempDir())
	life, end := context.WithCancel(ctx)
	killed := false
	ended := s.serve(life, func(c ptrace.Call) ptrace.Verdict {
		killed = killed || c.N == k
		return ptrace.Verdict{Kill: c.N == k}
	})
	up, giveUp := context.WithCancel(ctx) // it may be killed before it answers
	first := make(chan ptrace.Result, 1)
	go func() {
		first <- <-ended
		giveUp()
	}()
	acknowledged := 0
	seen := s.watch(ctx)
	defer func() {
		cancel()
		for range seen { // until the watch has ended
		}
	}()
	if s.up(up) == nil {
		acknowledged, _ = s.export(up, 1, exports) // an error is the kill
	}
	end()
	<-first
	if !killed {
		return "", true
	}
	if err := destroy(s.data); err != nil {
		t.Fatal(err)
	}
	life, end = context.WithCancel(ctx)
	again := s.serve(life, func(ptrace.Call) ptrace.Verdict { return ptrace.Verdict{} })
	defer func() {
		end()
		<-again
	}()
	if err := s.up(ctx); err != nil {
		return fmt.Sprintf("call %d: it does not start again: %v", k, err), false
	}
	n, err := s.stands(ctx)
	if err != nil || n < acknowledged || n > acknowledged+1 {
		return fmt.Sprintf("call %d: %d was acknowledged, %d stands: %v", k, acknowledged, n, err), false
	}
	last, err := s.export(ctx, exports+1, 2*exports)
	if err != nil {
		return fmt.Sprintf("call %d: it takes no fact any more: %v", k, err), false
	}
	for {
		select {
		case n := <-seen:
			if n == last {
				return "", false
			}
		case <-ctx.Done():
			return fmt.Sprintf("call %d: the watch has not come back", k), false
		}
	}
}

// TestExchangeIsKilled kills the embedded exchange before every call that changes a file.
func TestExchangeIsKilled(t *testing.T) {
	step := 5
	if whole {
		step = 1
	}
	kills := 0
	for k := 1; ; k += step {
		fault, done := killedExchange(t, k, func(string) error { return nil })
		if done {
			break
		}
		kills++
		if fault != "" {
			t.Error(fault)
		}
	}
	if kills < exports {
		t.Errorf("killed %d times only", kills)
	}
	// Where the data are lost after all, the harness must see it: at some call facts had been acknowledged.
	red := ""
	for k := kills * step; red == "" && k > 1; k -= step {
		red, _ = killedExchange(t, k, func(data string) error { return os.Remove(filepath.Join(data, "exchange.db")) })
	}
	if red == "" {
		t.Error("the harness does not see that facts are lost")
	}
	record(t, "embedded exchange killed before each changing call, while it is written to and watched", fmt.Sprintf("%d points, no acknowledged fact lost", kills), "data removed: red")
}
