package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

func memory(t *testing.T) *ledger.Hub {
	t.Helper()
	h, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func deployment(t *testing.T, s store.Store) *Exchange {
	t.Helper()
	x, err := New(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func identity(node string) Identity {
	return Identity{
		Node: node, Groups: []string{"g"}, Boot: "boot-" + node, Machine: "machine-" + node, Address: node + ".example", Run: "run-" + node,
	}
}

func join(t *testing.T, x *Exchange, node string, p Plan) *Run {
	t.Helper()
	r, err := x.Join(t.Context(), identity(node), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, r, "") })
	return r
}

// end ends a run that may have ended, or be lost, already.
func end(t *testing.T, r *Run, failed string) {
	t.Helper()
	if err := r.End(context.WithoutCancel(t.Context()), failed); err != nil && !errors.Is(err, ErrTwins) {
		t.Errorf("end: %v", err)
	}
}

func exports(facts ...string) (out []record.Export) {
	for _, f := range facts {
		out = append(out, record.Export{Fact: f})
	}
	return out
}

// bubble runs a test in which time is made up and passes when all wait.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func waitFor(t *testing.T, r *Run, w record.Wait, timeout time.Duration) (Values, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return r.Wait(ctx, w, nil)
}

func wants(t *testing.T, what string, err error, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%s: error %q, want one with %q", what, fmt.Sprint(err), s)
		}
	}
}

func TestAWaitEndsWhenTheGroupHasTheFact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		w := record.Wait{Name: "bricks", Fact: "up", Group: "g", Min: 2}
		a := join(t, x, "a", Plan{Exports: exports("up"), Waits: []record.Wait{w}})
		if err := a.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		got := make(chan Values, 1)
		go func() {
			v, err := waitFor(t, a, w, time.Minute)
			if err != nil {
				t.Error(err)
			}
			got <- v
		}()
		synctest.Wait()
		b := join(t, x, "b", Plan{Exports: exports("hostname", "up")})
		for _, f := range []string{"hostname", "up"} {
			synctest.Wait()
			select {
			case v := <-got:
				t.Fatalf("met too early: %v", v)
			default:
			}
			if err := b.Publish(t.Context(), f, json.RawMessage(`"b"`), 0); err != nil {
				t.Fatal(err)
			}
		}
		up := map[string]json.RawMessage{"up": json.RawMessage("true")}
		other := map[string]json.RawMessage{"up": json.RawMessage(`"b"`), "hostname": json.RawMessage(`"b"`)}
		type facts = map[string]map[string]json.RawMessage
		want := Values{Nodes: facts{"a": up, "b": other}, Others: facts{"b": other}, Names: []string{"a", "b"}, First: "a", Count: 2}
		if d := cmp.Diff(want, <-got); d != "" {
			t.Errorf("values (-want +got):\n%s", d)
		}
	})
}

func TestAWaitThatCanNeverBeMetFailsAtOnce(t *testing.T) {
	w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
	for _, c := range []struct {
		name  string
		other func(t *testing.T, b *Run)
		want  string
	}{
		{"what it requires fails", func(t *testing.T, b *Run) {
			if err := b.Fail(t.Context(), "up", "exec.mkfs: exit status 1"); err != nil {
				t.Error(err)
			}
		}, "wait.w: can never be met: up: 0 of 1 nodes; b: failed: exec.mkfs: exit status 1"},
		{"its run ends without it", func(t *testing.T, b *Run) { end(t, b, "file[\"/x\"]: no space") },
			"wait.w: can never be met: up: 0 of 1 nodes; b: its run ended without it: file[\"/x\"]: no space"},
		{"it is withdrawn", func(t *testing.T, b *Run) {
			if err := b.Withdraw(t.Context(), "up"); err != nil {
				t.Error(err)
			}
		}, "wait.w: can never be met: up: 0 of 1 nodes; b: withdrawn by its run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x := deployment(t, memory(t))
				a, b := join(t, x, "a", Plan{Waits: []record.Wait{w}}), join(t, x, "b", Plan{Exports: exports("up")})
				failed := make(chan error, 1)
				go func() {
					_, err := waitFor(t, a, w, time.Hour)
					failed <- err
				}()
				synctest.Wait()
				began := time.Now()
				c.other(t, b)
				if d := cmp.Diff(c.want, fmt.Sprint(<-failed)); d != "" {
					t.Errorf("error (-want +got):\n%s", d)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestWhatEndedBeforeIsGivenTimeToBeginAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
		b := join(t, x, "b", Plan{Exports: exports("up")})
		end(t, b, "service.b")
		a := join(t, x, "a", Plan{Waits: []record.Wait{w}})
		began := time.Now()
		_, err := waitFor(t, a, w, time.Hour)
		wants(t, "nobody came", err, "b: its run ended without it: service.b")
		if took := time.Since(began); took != x.timing.settle {
			t.Errorf("it took %s, want %s", took, x.timing.settle)
		}
		met := make(chan error, 1)
		go func() {
			_, err := waitFor(t, join(t, x, "c", Plan{Waits: []record.Wait{w}}), w, time.Hour)
			met <- err
		}()
		synctest.Wait()
		b = join(t, x, "b", Plan{Exports: exports("up")})
		time.Sleep(2 * x.timing.settle) // made-up time: long after a wait would give up on the run that ended
		if err := b.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		if err := <-met; err != nil {
			t.Errorf("after it began anew: %v", err)
		}
	})
}

func TestTimeoutNamesWhoIsMissing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b", "c"}}
		a, b := join(t, x, "a", Plan{Waits: []record.Wait{w}}), join(t, x, "b", Plan{Exports: exports("up")})
		b.Doing("exec.mkfs")
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := a.Wait(ctx, w, func(v verdict.Verdict) { told = append(told, v.String()) })
		wants(t, "timeout", err, "wait.w: up: 0 of 2 nodes; b: exec.mkfs; c: not seen yet: context deadline exceeded")
		if !IsTimeout(err) {
			t.Error("it is no timeout")
		}
		if n := len(told); n == 0 || told[n-1] != "up: 0 of 2 nodes; b: exec.mkfs; c: not seen yet" {
			t.Errorf("told: %q", told)
		}
	})
}

func TestNodesThatWaitForEachOtherAllFail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		plan := func(mine, theirs, of string) Plan {
			return Plan{
				Exports: []record.Export{{Fact: mine, Behind: []string{"w"}}},
				Waits:   []record.Wait{{Name: "w", Fact: theirs, Nodes: []string{of}}},
			}
		}
		pa, pb := plan("x", "y", "b"), plan("y", "x", "a")
		a, b := join(t, x, "a", pa), join(t, x, "b", pb)
		began := time.Now()
		errs := make(chan error, 2)
		for _, r := range []struct {
			run  *Run
			wait record.Wait
		}{{a, pa.Waits[0]}, {b, pb.Waits[0]}} {
			go func() {
				_, err := waitFor(t, r.run, r.wait, time.Hour)
				errs <- err
			}()
		}
		for range 2 {
			wants(t, "cycle", <-errs, "nodes wait for each other", "a wait.w needs y of b", "b wait.w needs x of a")
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestTwoNodesWithOneName(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		join(t, x, "a", Plan{})
		other := identity("a")
		other.Boot, other.Machine, other.Address = "boot-2", "machine-2", "imposter.example"
		_, err := x.Join(t.Context(), other, Plan{})
		if !errors.Is(err, ErrTwins) {
			t.Errorf("error %v, want %v", err, ErrTwins)
		}
		wants(t, "twins", err, "a.example (boot boot-a, machine machine-a)", "imposter.example (boot boot-2, machine machine-2)")
	})
}

// dead is a run whose process was killed: nothing of it comes any more.
func dead(r *Run) {
	r.lose(errors.New("killed"))
	r.wg.Wait()
	r.board.Stop()
}

func TestARunThatIsKilledIsNoDeadEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b"}}
		a := join(t, x, "a", Plan{Waits: []record.Wait{w}})
		b, err := x.Join(t.Context(), identity("b"), Plan{Exports: exports("up")})
		if err != nil {
			t.Fatal(err)
		}
		dead(b)
		met := make(chan error, 1)
		go func() {
			_, err := waitFor(t, a, w, time.Hour)
			met <- err
		}()
		time.Sleep(10 * time.Minute) // made-up time
		synctest.Wait()
		b = join(t, x, "b", Plan{Exports: exports("up")})
		if err := b.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
			t.Fatal(err)
		}
		if err := <-met; err != nil {
			t.Error(err)
		}
	})
}

func TestAFactGoesWithItsTTL(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		a := join(t, x, "a", Plan{})
		there := func() bool {
			v, err := x.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, ok := v.Exported("a")["up"]
			return ok
		}
		if err := a.Publish(t.Context(), "up", json.RawMessage("true"), time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second) // made-up time
		if !there() {
			t.Error("gone before its ttl")
		}
		time.Sleep(2 * time.Second)
		if there() {
			t.Error("there after its ttl")
		}
	})
}

func TestValuesThatAreRefused(t *testing.T) {
	x := deployment(t, memory(t))
	a := join(t, x, "a", Plan{})
	for _, c := range []struct{ name, fact, value, want string }{
		{"oversized", "up", `"` + strings.Repeat("x", record.MaxValue) + `"`, "bytes (at most"},
		{"deep", "up", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "nested too deeply"},
		{"a key twice", "up", `{"a":1,"a":2}`, `key "a" twice`},
		{"two values", "up", `1 2`, "invalid"},
		{"cut off", "up", `{"a":`, "unexpected end"},
		{"HTML", "up", `<html>`, "invalid character"},
		{"no value", "up", ``, "without a value"},
		{"a bad name", "Up/../x", `1`, "bad name"},
		{"a dot name", ".run", `1`, "bad name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, "publish", a.Publish(t.Context(), c.fact, json.RawMessage(c.value), 0), c.want)
		})
	}
	if _, err := x.Join(t.Context(), identity("../b"), Plan{}); err == nil {
		t.Error("a node's name with slashes joins")
	}
	if _, err := New(memory(t), Options{Deployment: "a/b"}); err == nil {
		t.Error("a deployment's name with a slash is taken")
	}
}

func TestWithoutAnExchangeThereAreNoOthers(t *testing.T) {
	x, err := New(memory(t), Options{Local: true})
	if err != nil {
		t.Fatal(err)
	}
	a := join(t, x, "a", Plan{Exports: exports("up")})
	_, err = waitFor(t, a, record.Wait{Name: "w", Fact: "up", Nodes: []string{"a", "b"}}, time.Minute)
	wants(t, "another node", err, "--exchange")
	if err := a.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
		t.Fatal(err)
	}
	v, err := waitFor(t, a, record.Wait{Name: "w", Fact: "up", Nodes: []string{"a"}}, time.Minute)
	if err != nil || v.Count != 1 {
		t.Errorf("its own fact: %v, %v", v, err)
	}
}

func TestALimitLetsInSoMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, memory(t))
		const nodes, most = 6, 2
		inside, fences := make(chan int, 100), make(chan int64, nodes)
		done := make(chan error, nodes)
		count := make(chan int, 1)
		count <- 0
		for i := range nodes {
			r := join(t, x, fmt.Sprint("n", i), Plan{})
			go func() {
				h, err := r.Enter(t.Context(), "restart", most, nil)
				if err != nil {
					done <- err
					return
				}
				fences <- h.Fence
				n := <-count + 1
				count <- n
				inside <- n
				time.Sleep(time.Minute) // made-up time, longer than the lease
				count <- <-count - 1
				done <- h.Leave(t.Context())
			}()
		}
		began := time.Now()
		for range nodes {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		full := false
		for range nodes {
			n := <-inside
			full = full || n == most
			if n > most {
				t.Errorf("%d inside, at most %d", n, most)
			}
		}
		if !full || time.Since(began) > 4*time.Minute {
			t.Errorf("never full: %v, it took %s", !full, time.Since(began))
		}
		last := int64(0)
		for range nodes {
			f := <-fences
			if f == last {
				t.Errorf("fence %d twice", f)
			}
			last = f
		}
	})
}

// broken is a store that is away for as long as it is told.
type broken struct {
	store.Store
	away chan struct{} // closed: away
}

func (b *broken) Renew(ctx context.Context, id store.LeaseID) error {
	select {
	case <-b.away:
		return store.ErrUnavailable
	default:
		return b.Store.Renew(ctx, id)
	}
}

func TestALostLeaseEndsWhatIsInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hub := memory(t)
		b := &broken{Store: hub, away: make(chan struct{})}
		first := join(t, deployment(t, b), "a", Plan{})
		second := join(t, deployment(t, hub), "b", Plan{})
		h, err := first.Enter(t.Context(), "restart", 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		close(b.away)
		lost := make(chan time.Time, 1)
		go func() {
			<-h.Inside().Done()
			lost <- time.Now()
		}()
		h2, err := second.Enter(t.Context(), "restart", 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		entered := time.Now()
		if at := <-lost; at.After(entered) {
			t.Errorf("the second entered at %s, the first was told at %s", entered, at)
		}
		if h2.Fence <= h.Fence {
			t.Errorf("fence %d after %d", h2.Fence, h.Fence)
		}
		if err := h.Leave(t.Context()); !errors.Is(err, ErrLimitLost) {
			t.Errorf("leave: %v, want %v", err, ErrLimitLost)
		}
		if err := h2.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
