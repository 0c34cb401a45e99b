package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

const mine = "facts/default/node01/up"

func okFact(v string) []byte { return []byte(`{"status":"ok","value":` + v + `}`) }

func put(t *testing.T, s store.Store, key string, value []byte) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := s.Put(ctx, store.Put{Key: key, Value: value, Expect: store.Any})
	return err
}

func want(t *testing.T, what string, err, is error) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("%s: error %v, want %v", what, err, is)
	}
}

func TestANodeWritesItsOwnFactsAlone(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	c := s.Client(t, "node01")
	for _, k := range []struct {
		name, key, value string
		want             error
	}{
		{"its own", mine, string(okFact("true")), nil},
		{"another's", "facts/default/node02/up", string(okFact("true")), store.ErrDenied},
		{"one that begins with its name", "facts/default/node011/up", string(okFact("true")), store.ErrDenied},
		{"a parameter", "facts/default/.params/p", `{"value":1}`, store.ErrDenied},
		{"outside", "node01/up", string(okFact("true")), store.ErrRefused},
		{"with dots", "facts/default/../node01/up", string(okFact("true")), store.ErrRefused},
		{"a name in capitals", "facts/default/node01/Up", string(okFact("true")), store.ErrRefused},
		{"no record", mine, `true`, store.ErrRefused},
		{"HTML", mine, `<html>`, store.ErrRefused},
		{"cut off", mine, `{"status":"ok","value":`, store.ErrRefused},
		{"a field of a later version", mine, `{"status":"ok","value":1,"later":true}`, nil},
		{"a field twice", mine, `{"status":"failed","status":"ok","value":1}`, store.ErrRefused},
		{"a field twice but for its case", mine, `{"status":"failed","Status":"ok","value":1}`, store.ErrRefused},
		{"a key twice in the value", mine, `{"status":"ok","value":{"a":1,"a":2}}`, store.ErrRefused},
		{"too deep", mine, string(okFact(strings.Repeat("[", 500) + strings.Repeat("]", 500))), store.ErrRefused},
		{"too large", mine, string(okFact(`"` + strings.Repeat("x", 65<<10) + `"`)), store.ErrRefused},
		{"much too large", mine, string(okFact(`"` + strings.Repeat("x", 2<<20) + `"`)), store.ErrRefused},
		{"not UTF-8", mine, "{\"status\":\"ok\",\"value\":\"\xff\"}", store.ErrRefused},
	} {
		t.Run(k.name, func(t *testing.T) { want(t, "put", put(t, c, k.key, []byte(k.value)), k.want) })
	}
	other := s.Client(t, "node02")
	want(t, "delete another's", other.Delete(t.Context(), mine, store.Any), store.ErrDenied)
	if _, err := other.Get(t.Context(), mine); err != nil {
		t.Errorf("read another's: %v", err)
	}
}

func TestALeaseIsItsOwnersAlone(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	a, b := s.Client(t, "node01"), s.Client(t, "node02")
	id, err := a.Grant(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Put(t.Context(), store.Put{Key: mine, Value: okFact("1"), Lease: id}); err != nil {
		t.Fatal(err)
	}
	for c, want := range map[*client.Client]store.LeaseID{a: id, b: 0} {
		e, err := c.Get(t.Context(), mine)
		if err != nil || e.Lease != want {
			t.Errorf("get: lease %d, %v; want %d", e.Lease, err, want)
		}
		l, err := c.List(t.Context(), mine)
		if err != nil || l.Entries[0].Lease != want {
			t.Errorf("list: lease %d, %v; want %d", l.Entries[0].Lease, err, want)
		}
	}
}

func TestWhoIsLetIn(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	stranger := exchangetest.StartServer(t, "", "")
	foreign, _ := stranger.Enroll(t, "node01")
	c, err := client.New(s.URL, foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = put(t, c, mine, okFact("true"))
	want(t, "an exchange of another authority", err, store.ErrDenied)
	if err == nil || !strings.Contains(err.Error(), "not the one that enrolled this node") {
		t.Errorf("error %v", err)
	}
	// One that believes the server, but shows a certificate of another authority.
	tr := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: s.Authority(t).Pool(), GetClientCertificate: foreign.TLS("").GetClientCertificate,
	}}
	defer tr.CloseIdleConnections()
	if resp, err := (&http.Client{Transport: tr}).Post(s.URL+"/store/get", "application/json", strings.NewReader(`{"key":"facts/x"}`)); err == nil {
		resp.Body.Close()
		t.Errorf("a certificate of another authority is let in: %d", resp.StatusCode)
	}
	// A node's certificate does not make a server.
	own, dir := s.Enroll(t, "node02")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node.pem"), filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	imposter := httptest.NewUnstartedServer(http.NotFoundHandler())
	imposter.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	imposter.StartTLS()
	defer imposter.Close()
	c, err = client.New(imposter.URL, own)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want(t, "a node that plays the exchange", put(t, c, mine, okFact("true")), store.ErrDenied)
}

func TestRevokedNodesAreCutOff(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	credentials, dir := s.Enroll(t, "node01")
	c, err := client.New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, c, mine, okFact("true")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	begun := make(chan bool, 1)
	go func() {
		var last error
		for evs, err := range c.Watch(t.Context(), "facts/", 1) {
			last = err
			if len(evs) > 0 {
				begun <- true
			}
		}
		ended <- last
	}()
	<-begun
	if err := s.Authority(t).Revoke(t.Context(), "node01"); err != nil {
		t.Fatal(err)
	}
	want(t, "on the same connection", put(t, c, mine, okFact("false")), store.ErrDenied)
	want(t, "a watch that was open", <-ended, store.ErrDenied)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "node.pem"), filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	if shakesHands(t, s, pair) {
		t.Error("a revoked certificate gets a connection")
	}
	c.Close()
	want(t, "on a new connection", put(t, c, mine, okFact("false")), store.ErrDenied)
	want(t, "to renew its certificate", c.RenewCertificate(t.Context(), time.Now(), true), store.ErrDenied)
	again := s.Client(t, "node01")
	if err := put(t, again, mine, okFact("true")); err != nil {
		t.Errorf("enrolled again: %v", err)
	}
}

// shakesHands tells whether a certificate is let in as far as the first byte of an answer.
func shakesHands(t *testing.T, s *exchangetest.Server, pair tls.Certificate) bool {
	t.Helper()
	c, err := tls.Dial("tcp", s.Addr, &tls.Config{RootCAs: s.Authority(t).Pool(), ServerName: pki.ServerName, Certificates: []tls.Certificate{pair}})
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, err = c.Read(make([]byte, 1))
	return err == nil
}

func TestACertificateIsRenewedByItsNode(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	credentials, dir := s.Enroll(t, "node01")
	c, err := client.New(s.URL, credentials)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := func(f string) string {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before, key := read("node.pem"), read("node.key")
	if err := c.RenewCertificate(t.Context(), time.Now(), false); err != nil || read("node.pem") != before {
		t.Errorf("renewed before it is time: %v", err)
	}
	if err := c.RenewCertificate(t.Context(), time.Now().Add(61*24*time.Hour), false); err != nil {
		t.Fatal(err)
	}
	if read("node.pem") == before || read("node.key") != key {
		t.Error("want another certificate for the same key")
	}
	c.Close()
	if err := put(t, c, mine, okFact("true")); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
	if _, err := pki.LoadCredentials(dir); err != nil {
		t.Errorf("what was written: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, "node.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.LoadCredentials(dir); err == nil || !strings.Contains(err.Error(), "lets others read") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// TestNonsenseIsNotAnAnswer has an exchange's certificate on servers that answer anything but what an exchange does.
func TestNonsenseIsNotAnAnswer(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
	cert, err := s.Authority(t).Server([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := make(chan string, 10)
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { elsewhere <- r.URL.Path }))
	other.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	other.StartTLS()
	defer other.Close()
	answer := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, body)
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"HTML", answer("text/html", "<html>true</html>")},
		{"HTML that says it is JSON", answer("application/json", "<html>true</html>")},
		{"the text false", answer("application/json", `"false"`)},
		{"true", answer("application/json", `true`)},
		{"empty", answer("application/json", ``)},
		{"cut off", answer("application/json", `{"revision":12`)},
		{"two answers", answer("application/json", `{"revision":12}{"revision":13}`)},
		{"nothing in it", answer("application/json", `{}`)},
		{"endless", answer("application/json", `{"certificate":"`+strings.Repeat("x", 3<<20))},
		{"frames of nothing", answer("application/x-apply-frames", "\x00\x00\x00")},
		{"a frame that says it is huge", answer("application/x-apply-frames", "\xff\xff\xff\xff\xff\x7f")},
		{"a frame that is cut off", answer("application/x-apply-frames", "\x20E\x02")},
		{"no frames at all", answer("application/x-apply-frames", "")},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", 500) }},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/stolen", http.StatusTemporaryRedirect)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := httptest.NewUnstartedServer(c.handler)
			fake.TLS = s.Authority(t).Serving(cert)
			fake.EnableHTTP2 = true
			fake.StartTLS()
			defer fake.Close()
			credentials, _ := s.Enroll(t, "node01")
			cl, err := client.New(fake.URL, credentials)
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			_, err = cl.Get(t.Context(), mine)
			want(t, "get", err, store.ErrUnavailable)
			_, err = cl.List(t.Context(), mine)
			want(t, "list", err, store.ErrUnavailable)
			want(t, "put", put(t, cl, mine, okFact("1")), store.ErrUnavailable)
		})
	}
	select {
	case path := <-elsewhere:
		t.Errorf("a redirect was followed to %s", path)
	default:
	}
}

func TestAnExchangeThatIsDown(t *testing.T) {
	s := exchangetest.StartServer(t, "", "")
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
	s := exchangetest.StartServer(t, data, "")
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
	exchangetest.StartServer(t, data, s.Addr)
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
	s := exchangetest.StartServer(t, data, "")
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
	exchangetest.StartServer(t, data, addr)
	check("started again")
}
