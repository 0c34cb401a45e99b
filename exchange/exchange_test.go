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

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

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

func wants(t *testing.T, what string, err error, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%s: error %q, want one with %q", what, fmt.Sprint(err), s)
		}
	}
}

func TestAFactGoesWithItsTTL(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x := deployment(t, ledgertest.Hub(t))
		a := join(t, x, "a", Plan{Exports: exports("other", "up")})
		gone := func() string {
			v, err := x.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(verdict.Decide(v, record.Wait{Fact: "up", Nodes: []string{"a"}}, verdict.Asker{Settled: true}), verdict.Summaries(v)[0].Exports)
		}
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
		const want = "up: 0 of 1 nodes; a: stale: older than its ttl of 1m0s"
		if got := gone(); got != want+" [other]" {
			t.Errorf("while the run goes on: %s", got)
		}
		end(t, a, "")
		if got := gone(); got != want+" []" {
			t.Errorf("after the run: %s", got)
		}
	})
}

func TestValuesThatAreRefused(t *testing.T) {
	x := deployment(t, ledgertest.Hub(t))
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
	if _, err := New(ledgertest.Hub(t), Options{Deployment: "a/b"}); err == nil {
		t.Error("a deployment's name with a slash is taken")
	}
}
