package face_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/record"
)

// face speaks to the HTTP face as an orchestrator would.
type face struct {
	t     *testing.T
	base  string
	token string
	http  *http.Client
}

func newFace(t *testing.T, s *exchangetest.Server) *face {
	t.Helper()
	a := s.Authority(t)
	token, err := a.NewToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool()}}
	t.Cleanup(tr.CloseIdleConnections)
	return &face{t: t, base: s.URL, token: token, http: &http.Client{Transport: tr, Timeout: time.Minute}}
}

func (f *face) do(method, path, body string) (int, string) {
	f.t.Helper()
	resp := f.open(method, path, body)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func (f *face) open(method, path, body string) *http.Response {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.base+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.token != "" {
		r.Header.Set("Authorization", "Bearer "+f.token)
	}
	resp, err := f.http.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp
}

func joined(t *testing.T, s *exchangetest.Server, node string, p exchange.Plan) *exchange.Run {
	t.Helper()
	x, err := exchange.New(s.Client(t, node), exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Join(t.Context(), exchange.Identity{Node: node, Groups: []string{"g"}, Boot: "b", Run: "r"}, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := r.End(ctx, ""); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestFactsOverHTTP(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	n := joined(t, s, "node01", exchange.Plan{Exports: []record.Export{{Fact: "up"}}})
	const path = "/v1/nodes/node01/facts/up"
	if code, body := f.do("GET", path, ""); code != http.StatusAccepted || body != `{"status":"absent"}` {
		t.Errorf("before: %d %s", code, body)
	}
	if code, _ := f.do("GET", path+"?wait=50ms", ""); code != http.StatusAccepted {
		t.Errorf("a wait that was too short: %d", code)
	}
	type answer struct {
		code int
		body string
	}
	polled := make(chan answer, 1)
	go func() {
		code, body := f.do("GET", path+"?wait=60s", "")
		polled <- answer{code, body}
	}()
	if err := n.Publish(t.Context(), "up", json.RawMessage(`{"a":[1,true]}`), 0); err != nil {
		t.Fatal(err)
	}
	if a := <-polled; a.code != http.StatusOK || a.body != `{"a":[1,true]}` {
		t.Errorf("long poll: %d %s", a.code, a.body)
	}
	if err := n.Fail(t.Context(), "up", "service.x: exit 1"); err != nil {
		t.Fatal(err)
	}
	if code, body := f.do("GET", path, ""); code != http.StatusAccepted || !strings.Contains(body, `"reason":"service.x: exit 1"`) {
		t.Errorf("failed: %d %s", code, body)
	}
	code, body := f.do("GET", "/v1/nodes", "")
	var nodes struct {
		Nodes []struct{ Name, State string }
	}
	if err := json.Unmarshal([]byte(body), &nodes); err != nil || code != http.StatusOK {
		t.Fatalf("nodes: %d %v", code, err)
	}
	if d := cmp.Diff("[{node01 running}]", fmt.Sprint(nodes.Nodes)); d != "" {
		t.Errorf("nodes (-want +got):\n%s", d)
	}
}

func TestParametersReachWaits(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	n := joined(t, s, "node01", exchange.Plan{})
	met := make(chan string, 1)
	go func() {
		v, err := n.Wait(t.Context(), record.Wait{Name: "w", Fact: "param.release"}, nil)
		met <- fmt.Sprint(string(v.Value), err)
	}()
	if code, body := f.do("PUT", "/v1/params/release", `"v2"`); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if d := cmp.Diff(`"v2"<nil>`, <-met); d != "" {
		t.Errorf("wait (-want +got):\n%s", d)
	}
}

func TestWhatTheFaceRefuses(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	for _, c := range []struct {
		name, method, path, body string
		want                     int
		says                     string
	}{
		{"a node's name", "GET", "/v1/nodes/-bad-/facts/up", "", 400, ""},
		{"a fact's name", "GET", "/v1/nodes/a/facts/.run", "", 400, ""},
		{"a wait that is none", "GET", "/v1/nodes/a/facts/up?wait=soon", "", 400, "wait=soon: want a duration"},
		{"a wait for ever", "GET", "/v1/nodes/a/facts/up?wait=9999h", "", 400, ""},
		{"a deployment with a slash", "GET", "/v1/nodes?deployment=a/b", "", 400, `deployment \"a/b\": bad name`},
		{"a fact's deployment", "GET", "/v1/nodes/a/facts/up?deployment=a/b", "", 400, `"refused: deployment`},
		{"a parameter that is no JSON", "PUT", "/v1/params/p", "<html>", 400, ""},
		{"a parameter with a key twice", "PUT", "/v1/params/p", `{"a":1,"a":2}`, 400, ""},
		{"a parameter that is too large", "PUT", "/v1/params/p", `"` + strings.Repeat("x", record.MaxValue) + `"`, 400, "over the limit of 65536 bytes"},
		{"a parameter that is too deep", "PUT", "/v1/params/p", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), 400, ""},
		{"a parameter's name", "PUT", "/v1/params/P", "1", 400, `parameter \"P\": bad name`},
		{"another method", "DELETE", "/v1/nodes", "", 405, `{"code":"refused","error":"DELETE: want GET, HEAD"}`},
		{"a parameter that is asked for", "GET", "/v1/params/p", "", 405, `"GET: want PUT"`},
		{"another path", "GET", "/etc/passwd", "", 404, `{"code":"not_found","error":"there is nothing at /etc/passwd"}`},
		{"the store without a certificate", "POST", "/store/list", `{"key":"facts/"}`, 403, ""},
		{"a renewal without a certificate", "POST", "/renew", `{}`, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, body := f.do(c.method, c.path, c.body); code != c.want || !strings.Contains(body, c.says) {
				t.Errorf("%d %s, want %d %s", code, body, c.want, c.says)
			}
		})
	}
	paths := []string{"/v1/nodes", "/v1/nodes/a/facts/up", "/v1/events", "/", "/nothing", "/v1/nodes/a", "/v1/params/p"}
	for _, token := range []string{"", "wrong", f.token[1:]} {
		f.token = token
		for _, p := range paths {
			if code, body := f.do("GET", p, ""); code != http.StatusUnauthorized || strings.Contains(body, "node01") {
				t.Errorf("%s with token %q: %d", p, token, code)
			}
		}
		if code, _ := f.do("PUT", "/v1/params/p", "1"); code != http.StatusUnauthorized {
			t.Errorf("put with token %q: %d", token, code)
		}
	}
	plain, err := http.Get("http://" + s.Addr + "/v1/nodes")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %d", plain.StatusCode)
	}
}

// nextEvent reads one server-sent event that is not a comment.
func nextEvent(t *testing.T, r *bufio.Reader) (kind, id, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "event":
			kind = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if kind != "" {
				return kind, id, data
			}
		}
	}
}

func TestEventsAreStreamed(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	n := joined(t, s, "node01", exchange.Plan{Exports: []record.Export{{Fact: "up"}}})
	resp := f.open("GET", "/v1/events", "")
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	if kind, _, data := nextEvent(t, r); kind != "node" || !strings.Contains(data, `"name":"node01"`) {
		t.Errorf("first event: %s %s", kind, data)
	}
	for kind := ""; kind != "synced"; {
		kind, _, _ = nextEvent(t, r)
	}
	if err := n.Publish(t.Context(), "up", json.RawMessage("true"), 0); err != nil {
		t.Fatal(err)
	}
	for {
		kind, id, data := nextEvent(t, r)
		if kind == "node" && strings.Contains(data, `"up":{"status":"ok","value":true`) {
			if id == "" {
				t.Error("an event without id")
			}
			break
		}
	}
	x, err := exchange.New(s.Client(t, "node01"), exchange.Options{})
	if err := errors.Join(err, n.End(t.Context(), ""), x.Forget(t.Context(), "node01")); err != nil {
		t.Fatal(err)
	}
	for kind, data := "", ""; kind != "gone"; {
		if kind, _, data = nextEvent(t, r); kind == "gone" && data != `{"name":"node01"}` {
			t.Errorf("forgotten: %s", data)
		}
	}
}

// TestWhoComesBackIsToldAll, whatever it has seen: of an exchange that was put back to an earlier state its revision says nothing.
func TestWhoComesBackIsToldAll(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	joined(t, s, "node01", exchange.Plan{})
	r, err := http.NewRequestWithContext(t.Context(), "GET", f.base+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Last-Event-ID", "1000")
	resp, err := f.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind, _, data := nextEvent(t, bufio.NewReader(resp.Body)); kind != "node" || !strings.Contains(data, `"name":"node01"`) {
		t.Errorf("first event: %s %s", kind, data)
	}
}
