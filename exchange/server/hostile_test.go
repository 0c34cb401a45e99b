package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/exchangetest"
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
	s := exchangetest.StartServer(t)
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
	s := exchangetest.StartServer(t)
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

// TestNonsenseIsNotAnAnswer has an exchange's certificate on servers that answer anything but what an exchange does.
func TestNonsenseIsNotAnAnswer(t *testing.T) {
	s := exchangetest.StartServer(t)
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
