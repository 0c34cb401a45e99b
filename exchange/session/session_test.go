package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
)

func identity(node string) func(context.Context) (exchange.Identity, error) {
	return func(context.Context) (exchange.Identity, error) {
		return exchange.Identity{Node: node, Groups: []string{"g"}, Boot: "b", Machine: node}, nil
	}
}

// open makes a session of a node whose run has begun.
func open(t *testing.T, o session.Options, plan exchange.Plan) *session.Session {
	t.Helper()
	if o.StateDir == "" {
		o.StateDir = t.TempDir()
	}
	s := session.New(o)
	begin(t, s, plan)
	t.Cleanup(func() {
		end(t, s, "")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func begin(t *testing.T, s *session.Session, plan exchange.Plan) {
	s.Begin(t.Context(), "run1", "", plan, nil)
}

func end(t *testing.T, s *session.Session, failed string) {
	t.Helper()
	if err := s.End(context.WithoutCancel(t.Context()), true, failed); err != nil {
		t.Error(err)
	}
}

func soon(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestAFactIsKeptAndExported: the value is in the state folder and in the exchange, until it is taken back from both.
func TestAFactIsKeptAndExported(t *testing.T) {
	state := t.TempDir()
	s := open(t, session.Options{StateDir: state, Identify: identity("n1")}, exchange.Plan{Exports: []record.Export{{Fact: "up"}}})
	seen := func() (value string) {
		t.Helper()
		err := s.Look(t.Context(), func(node string, v *view.View) {
			if f, ok := v.Fact(node, "up"); ok {
				value = string(f.Status) + " " + string(f.Value)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	if got := seen(); got != "" {
		t.Errorf("before: %q", got)
	}
	if err := s.Publish(t.Context(), "up", json.RawMessage(`{"port":1}`), 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"port":1}`, `ok {"port":1}`}, []string{string(s.Kept("up")), seen()}); diff != "" {
		t.Error(diff)
	}
	value, ok, err := session.Exported{StateDir: state}.Lookup(t.Context(), "up")
	if diff := cmp.Diff(map[string]any{"port": 1.0}, value); diff != "" || !ok || err != nil {
		t.Errorf("as a fact of this node: %v %v %s", ok, err, diff)
	}
	if err := s.Fail(t.Context(), "up", "exec.mk"); err != nil {
		t.Fatal(err)
	}
	if got := seen(); s.Kept("up") != nil || got != "failed " {
		t.Errorf("after it failed: kept %s, exported %q", s.Kept("up"), got)
	}
	if err := s.Publish(t.Context(), "up", json.RawMessage(`1`), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Withdraw(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	if got := seen(); s.Kept("up") != nil || got != "removed " {
		t.Errorf("after it was withdrawn: kept %s, exported %q", s.Kept("up"), got)
	}
	if names := (session.Exported{StateDir: state}).Names(); len(names) != 0 {
		t.Errorf("facts of this node: %v", names)
	}
}

// TestWhatIsKeptIsData: what somebody put into the folder is bounded and checked like all else.
func TestWhatIsKeptIsData(t *testing.T) {
	state := t.TempDir()
	if err := os.MkdirAll(filepath.Join(state, "facts"), 0o700); err != nil {
		t.Fatal(err)
	}
	for fact, text := range map[string]string{"html": "<html>", "cut": `{"a":`, "twice": `{"a":1,"a":2}`, "deep": strings.Repeat("[", 50) + strings.Repeat("]", 50)} {
		if err := os.WriteFile(filepath.Join(state, "facts", fact+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := session.New(session.Options{StateDir: state}).Kept(fact); v != nil {
			t.Errorf("%s: kept is %s", fact, v)
		}
		if v, ok, err := (session.Exported{StateDir: state}).Lookup(t.Context(), fact); err == nil || ok {
			t.Errorf("%s: %v %v", fact, v, ok)
		}
	}
	for _, bad := range []string{"../up", "Up", ""} {
		if _, ok, err := (session.Exported{StateDir: state}).Lookup(t.Context(), bad); ok || err != nil {
			t.Errorf("%q: %v %v", bad, ok, err)
		}
		s := open(t, session.Options{Identify: identity("n1")}, exchange.Plan{})
		if err := s.Publish(t.Context(), bad, json.RawMessage("1"), 0); !errors.Is(err, name.ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestAnExchangeThatComesLater: what needs it waits, and is told why when its time is over; when the exchange is there all goes on.
func TestAnExchangeThatComesLater(t *testing.T) {
	first := exchangetest.StartServer(t)
	_, credentials := first.Enroll(t, "n1")
	first.Stop(t)
	s := open(t, session.Options{URL: first.URL, Credentials: credentials, Identify: identity("n1")}, exchange.Plan{})
	w := record.Wait{Name: "w", Fact: "up", Group: "g", Min: 2}
	var told []string
	_, err := s.Wait(soon(t, time.Second), w, func(v verdict.Verdict) { told = append(told, v.String()) })
	if len(told) != 1 || !strings.HasPrefix(told[0], "up: exchange "+first.Addr+": exchange is unavailable: ") {
		t.Errorf("while it waits it says: %q", told)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait.w: up of group g, 2 nodes at least: exchange "+first.Addr+": exchange is unavailable: ") {
		t.Errorf("wait: %v", err)
	}
	var away error
	err = s.Publish(store.WithAway(soon(t, 100*time.Millisecond), func(why error) { away = why }), "up", json.RawMessage("true"), 0)
	if !errors.Is(away, store.ErrUnavailable) {
		t.Errorf("while it publishes it says: %v", away)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "fact.up: exchange "+first.Addr) {
		t.Errorf("publish: %v", err)
	}
	_, err = s.Enter(soon(t, 100*time.Millisecond), "one", 1, "", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "limit.one: exchange "+first.Addr) {
		t.Errorf("enter: %v", err)
	}
	if err := s.Look(t.Context(), func(string, *view.View) { t.Error("a view of nothing") }); err == nil {
		t.Error("look: no error")
	}
	exchangetest.StartServerOn(t, first.Data, first.Addr)
	if err := s.Publish(soon(t, 30*time.Second), "up", json.RawMessage("true"), 0); err != nil {
		t.Errorf("publish, when it is there: %v", err)
	}
	end(t, s, "") // before the exchange goes again
}

// TestWhoIsRefused is told at once, with the reason, not at the deadline.
func TestWhoIsRefused(t *testing.T) {
	server := exchangetest.StartServer(t)
	_, mine := server.Enroll(t, "n1")
	_, revoked := server.Enroll(t, "n2")
	if err := server.Authority(t).Revoke(t.Context(), "n2"); err != nil {
		t.Fatal(err)
	}
	_, foreign := exchangetest.StartServer(t).Enroll(t, "n1")
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go func() {
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	for _, tc := range []struct{ name, url, credentials, node, want string }{
		{"another node's key", server.URL, mine, "n3", "are of node n1, this is n3"},
		{"a revoked key", server.URL, revoked, "n2", "refuses this node's certificate (revoked"},
		{"another exchange's key", server.URL, foreign, "n1", "not the one that enrolled this node"},
		{"no credentials", server.URL, t.TempDir(), "n1", "apply exchange enroll n1"},
		{"no TLS", "https://" + plain.Addr().String(), mine, "n1", "does not speak TLS"},
		{"a name outside the grammar", server.URL, mine, "n_1", "n_1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, session.Options{URL: tc.url, Credentials: tc.credentials, Identify: identity(tc.node)}, exchange.Plan{})
			began := time.Now()
			err := s.Publish(soon(t, time.Minute), "up", json.RawMessage("true"), 0)
			if err == nil || !strings.HasPrefix(err.Error(), "fact.up: ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestWhatARunSaysOfItself reaches the others: what it is at, what it leaves out, and that it has ended without what it would have exported.
func TestWhatARunSaysOfItself(t *testing.T) {
	server := exchangetest.StartServer(t)
	node := func(n string, p exchange.Plan) *session.Session {
		_, c := server.Enroll(t, n)
		return open(t, session.Options{URL: server.URL, Credentials: c, Identify: identity(n)}, p)
	}
	a := node("a", exchange.Plan{Exports: []record.Export{{Fact: "up"}, {Fact: "left"}}, Blocks: []record.Block{{Address: "fact.done"}}})
	b := node("b", exchange.Plan{Blocks: []record.Block{{Address: "fact.lost"}}})
	a.Doing("applying exec.mk")
	told := make(chan string, 100)
	failed := make(chan error, 1)
	go func() {
		_, err := b.Wait(soon(t, time.Minute), record.Wait{Name: "w", Fact: "up", Nodes: []string{"a"}}, func(v verdict.Verdict) { told <- v.String() })
		failed <- err
	}()
	for text := range told {
		if strings.Contains(text, "a: applying exec.mk") {
			break
		}
	}
	a.NotComing("left")
	a.BlockOver("fact.done", "")
	b.BlockOver("fact.lost", "exec.rm")
	for node, want := range map[string]string{"a": "a: its run does not export it", "b": "b: failed: exec.rm"} {
		w := record.Wait{Name: "l", Fact: "left", Nodes: []string{node}}
		if _, err := b.Wait(soon(t, time.Minute), w, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("what %s leaves out: %v", node, err)
		}
	}
	end(t, a, "exec.mk: exit code 1")
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "a: its run ended without it: exec.mk: exit code 1") {
		t.Errorf("got %v", err)
	}
	if err := a.Publish(t.Context(), "up", json.RawMessage("true"), 0); err == nil || !strings.Contains(err.Error(), "no run has begun") {
		t.Errorf("after the end: %v", err)
	}
}

// TestLargeParts: thousands of exports, waits for a thousand nodes by name, and a value as large as may be, of what JSON would rather escape.
func TestLargeParts(t *testing.T) {
	server := exchangetest.StartServer(t)
	_, c := server.Enroll(t, "n1")
	var p exchange.Plan
	var nodes []string
	for i := range 5000 {
		p.Exports = append(p.Exports, record.Export{Fact: fmt.Sprintf("a_rather_long_name_of_a_fact_%d", i)})
	}
	for i := range 1000 {
		nodes = append(nodes, fmt.Sprintf("node%04d.rack.example.org", i))
	}
	for i := range 4 {
		p.Waits = append(p.Waits, record.Wait{Name: fmt.Sprintf("w%d", i), Fact: "up", Nodes: nodes})
	}
	s := open(t, session.Options{URL: server.URL, Credentials: c, Identify: identity("n1")}, p)
	value, err := record.JSON(strings.Repeat("<é>&", record.MaxValue/5-1))
	if err != nil {
		t.Fatal(err)
	}
	s.Doing(strings.Repeat("applying exec.é ", 1000))
	if err := s.Publish(soon(t, time.Minute), "up", value, 0); err != nil {
		t.Fatal(err)
	}
	var told record.Run
	for range 20 { // on a busy machine it takes more than the first wait until it is told at what the run is
		_, err = s.Wait(soon(t, 3*time.Second), p.Waits[0], nil)
		if !errors.Is(err, context.DeadlineExceeded) || len(err.Error()) > 2000 {
			t.Errorf("a wait for a thousand nodes: %.3000v", err)
		}
		err = s.Look(t.Context(), func(node string, v *view.View) {
			f, _ := v.Fact(node, "up")
			if !record.Equal(f.Value, value) {
				t.Errorf("seen are %d bytes", len(f.Value))
			}
			if _, run := v.Node(node); run != nil {
				told = *run
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if told.Doing != "" {
			break
		}
	}
	if len(told.Exports) != 5000 || !strings.HasSuffix(told.Doing, "...") {
		t.Errorf("seen is a run of %d exports that does %.50q", len(told.Exports), told.Doing)
	}
}

// TestALimitOfAGroup concerns its members alone, and needs an exchange.
func TestALimitOfAGroup(t *testing.T) {
	s := open(t, session.Options{Identify: identity("n1")}, exchange.Plan{})
	if _, err := s.Enter(t.Context(), "one", 1, "g", nil); !errors.Is(err, exchange.ErrLocal) {
		t.Errorf("without an exchange: %v", err)
	}
	server := exchangetest.StartServer(t)
	_, c := server.Enroll(t, "n1")
	s = open(t, session.Options{URL: server.URL, Credentials: c, Identify: identity("n1")}, exchange.Plan{})
	if held, err := s.Enter(t.Context(), "one", 1, "others", nil); held != nil || err != nil {
		t.Errorf("another group's: %v %v", held, err)
	}
	held, err := s.Enter(t.Context(), "one", 1, "g", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}
