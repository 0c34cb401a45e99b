package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/verdict"
)

func waitFor(t *testing.T, r *Run, w record.Wait, timeout time.Duration) (Values, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return r.Wait(ctx, w, nil)
}

func TestAWaitEndsWhenTheGroupHasTheFact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, ledgertest.Hub(t))
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
		{"its run leaves it out after all", func(t *testing.T, b *Run) { b.NotComing([]string{"up"}) },
			"wait.w: can never be met: up: 0 of 1 nodes; b: its run does not export it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x := deployment(t, ledgertest.Hub(t))
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
		x := deployment(t, ledgertest.Hub(t))
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
		x := deployment(t, ledgertest.Hub(t))
		w := record.Wait{Name: "w", Fact: "up", Nodes: []string{"b", "c"}}
		a, b := join(t, x, "a", Plan{Waits: []record.Wait{w}}), join(t, x, "b", Plan{Exports: exports("up")})
		b.Doing("exec.mkfs")
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := a.Wait(ctx, w, func(v verdict.Verdict) { told = append(told, v.String()) })
		wants(t, "timeout", err, "wait.w: up: 0 of 2 nodes; b: exec.mkfs; c: not seen yet: context deadline exceeded")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error("it is no timeout")
		}
		if n := len(told); n == 0 || told[n-1] != "up: 0 of 2 nodes; b: exec.mkfs; c: not seen yet" {
			t.Errorf("told: %q", told)
		}
	})
}

func TestNodesThatWaitForEachOtherAllFail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, ledgertest.Hub(t))
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

func TestWithoutAnExchangeThereAreNoOthers(t *testing.T) {
	x, err := New(ledgertest.Hub(t), Options{Local: true})
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
