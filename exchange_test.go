package apply_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/session"
)

// rolling writes to a log that all nodes share when a node begins and when it has ended.
const rolling = `
limit "rolling" {
  max   = 2
  group = "g"
}
exec "begin" {
  command = "echo + >> %[1]s/log"
  limit   = limit.rolling
}
exec "end" {
  command = "echo - >> %[1]s/log"
  require = [exec.begin]
  limit   = limit.rolling
}
`

// TestLimitOverAnExchange: six nodes at the same time, at most two of them inside, over the embedded server and over etcd.
func TestLimitOverAnExchange(t *testing.T) {
	for _, tc := range []struct {
		name  string
		start func(t *testing.T) (url string, credentials func(node string) string)
	}{
		{"embedded", func(t *testing.T) (string, func(string) string) {
			s := exchangetest.StartServer(t)
			return s.URL, func(node string) string {
				_, dir := s.Enroll(t, node)
				return dir
			}
		}},
		{"etcd", func(t *testing.T) (string, func(string) string) {
			e := exchangetest.StartEtcd(t, 1)
			return "etcd://" + strings.Join(e.Endpoints, ","), func(string) string { return t.TempDir() }
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url, credentials := tc.start(t)
			dir := t.TempDir()
			main := filepath.Join(dir, "main.hcl")
			if err := os.WriteFile(main, fmt.Appendf(nil, rolling, dir), 0o600); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			const nodes = 6
			for i := range nodes {
				id := exchange.Identity{Node: fmt.Sprint("n", i), Groups: []string{"g"}, Boot: "b", Machine: fmt.Sprint("m", i)}
				s := session.New(session.Options{
					URL: url, Credentials: credentials(id.Node), StateDir: t.TempDir(),
					Identify: func(context.Context) (exchange.Identity, error) { return id, nil },
				})
				m, err := apply.Load(t.Context(), main, apply.Options{Session: s})
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					defer s.Close()
					rep, err := m.Converge(t.Context(), engine.Options{})
					if err != nil {
						t.Error(err)
						return
					}
					if c := rep.Counts(); c.Changed != 2 {
						t.Errorf("%s: %+v", id.Node, c)
					}
				})
			}
			wg.Wait()
			log, err := os.ReadFile(filepath.Join(dir, "log"))
			if err != nil {
				t.Fatal(err)
			}
			inside, most := 0, 0
			for line := range strings.Lines(string(log)) {
				if strings.TrimSpace(line) == "+" {
					inside++
				} else {
					inside--
				}
				most = max(most, inside)
			}
			if len(log) != 4*nodes || inside != 0 || most > 2 {
				t.Errorf("%d inside at a time, at most 2; %d at the end:\n%s", most, inside, log)
			}
		})
	}
}

// TestNobodyLooksOn: that a fact does not come is told while the run goes on, also of a run without Events. Here it waits for a node that waits for that fact.
func TestNobodyLooksOn(t *testing.T) {
	hub, err := ledger.NewHub(ledger.Volatile{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	type end struct {
		failed string
		err    error
	}
	b := make(chan end, 1)
	go func() {
		_, failed, err := member(ctx, hub, "b", `
wait "up" {
  fact  = "up"
  nodes = ["a"]
}
fact "done" {
  value   = true
  require = wait.up
}`)
		b <- end{failed, err}
	}()
	_, _, err = member(ctx, hub, "a", `
fact "up" {
  value  = true
  onlyif = "false"
}
wait "done" {
  fact  = "done"
  nodes = ["b"]
}`)
	if got := <-b; err != nil || got.err != nil || !strings.Contains(got.failed, "does not export") {
		t.Errorf("a: %v; b: %v, %q", err, got.err, got.failed)
	}
}
