package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
)

// TestACycleIsToldOnAllItsNodes, also by those that hear that another has failed before they have found it themselves, and by those that wait for these.
func TestACycleIsToldOnAllItsNodes(t *testing.T) {
	server := exchangetest.StartServer(t)
	wait := func(name, fact, of string) record.Wait {
		return record.Wait{Name: name, Fact: fact, Nodes: []string{of}}
	}
	node := func(n, exports string, w record.Wait) *session.Session {
		_, c := server.Enroll(t, n)
		p := exchange.Plan{Exports: []record.Export{{Fact: exports, Behind: []string{w.Name}}}, Waits: []record.Wait{w}}
		return open(t, session.Options{URL: server.URL, Credentials: c, Identify: identity(n)}, p)
	}
	u, v, w := wait("module.m.u", "y", "b"), wait("v", "x", "a"), wait("w", "y", "b")
	a, b, c := node("a", "x", u), node("b", "y", v), node("c", "z", w)
	const cycle = "nodes wait for each other: a wait.module.m.u needs y of b -> b wait.v needs x of a -> a wait.module.m.u"
	for _, of := range []struct {
		s          *session.Session
		wait       record.Wait
		fact, addr string
	}{{a, u, "x", "module.m.wait.u"}, {b, v, "y", "wait.v"}, {c, w, "z", "wait.w"}} {
		if _, err := of.s.Wait(soon(t, time.Minute), of.wait, nil); err == nil || !strings.Contains(err.Error(), cycle) {
			t.Errorf("%s: %v", of.addr, err)
		}
		if err := of.s.Fail(t.Context(), of.fact, of.addr); err != nil {
			t.Error(err)
		}
	}
}
