package exchange_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

// serveEnv makes the test's program an exchange, so that its memory is its own.
const serveEnv = "APPLY_EXCHANGE_BENCH_SERVE"

func TestMain(m *testing.M) {
	if data := os.Getenv(serveEnv); data != "" {
		fmt.Fprintln(os.Stderr, server.Serve(context.Background(), server.Options{
			Data: data, Listen: "127.0.0.1:0", Ready: func(a net.Addr) { fmt.Println(a) },
		}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// driver opens stores for nodes and knows the processes that serve them.
type driver struct {
	name  string
	start func(b *testing.B) (open func(b *testing.B, node string) store.Store, pids []int)
}

func drivers() []driver {
	return []driver{
		{"embedded", startEmbedded},
		{"etcd3", func(b *testing.B) (func(*testing.B, string) store.Store, []int) {
			e := exchangetest.StartEtcd(b, 3)
			return func(b *testing.B, _ string) store.Store {
				s, err := etcd.New(b.Context(), etcd.Options{Endpoints: e.Endpoints})
				if err != nil {
					b.Fatal(err)
				}
				return s
			}, []int{e.Pid(0), e.Pid(1), e.Pid(2)}
		}},
	}
}

func startEmbedded(b *testing.B) (func(*testing.B, string) store.Store, []int) {
	b.Helper()
	data := b.TempDir()
	a, err := pki.OpenAuthority(b.Context(), data, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+data)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			b.Error(err)
		}
		cmd.Wait() // "signal: killed" is what was asked for
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	return func(b *testing.B, node string) store.Store {
		dir := root + "/" + node
		if err := a.Enroll(node, dir); err != nil {
			b.Fatal(err)
		}
		c, err := pki.LoadCredentials(dir)
		if err != nil {
			b.Fatal(err)
		}
		s, err := client.New("https://"+strings.TrimSpace(addr), c)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}, []int{cmd.Process.Pid}
}

func join(b *testing.B, s store.Store, deployment, node string, p exchange.Plan) *exchange.Run {
	b.Helper()
	x, err := exchange.New(s, exchange.Options{Deployment: deployment})
	if err != nil {
		b.Fatal(err)
	}
	r, err := x.Join(b.Context(), exchange.Identity{Node: node, Groups: []string{"all"}, Boot: "b", Machine: node, Run: "r"}, p)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkExportToReleasedWait is how long it takes from the write of a fact to the end of a wait for it on another node that
// has been waiting.
func BenchmarkExportToReleasedWait(b *testing.B) {
	for _, d := range drivers() {
		b.Run(d.name, func(b *testing.B) {
			open, _ := d.start(b)
			sa, sb := open(b, "a"), open(b, "b")
			defer sa.Close()
			defer sb.Close()
			rb := join(b, sb, "bench", "b", exchange.Plan{})
			var took []time.Duration
			var rev int64
			var err error
			for i := 0; b.Loop(); i++ {
				want := json.RawMessage(strconv.Itoa(i))
				waiting := make(chan bool, 1)
				done := make(chan error, 1)
				go func() {
					w := record.Wait{Name: fmt.Sprint("w", i), Fact: "n", Nodes: []string{"a"}, Equals: want}
					_, err := rb.Wait(b.Context(), w, func(verdict.Verdict) {
						select {
						case waiting <- true:
						default:
						}
					})
					done <- err
				}()
				<-waiting
				began := time.Now()
				if rev, err = sa.Put(b.Context(), store.Put{Key: "facts/bench/a/n", Value: fmt.Appendf(nil, `{"status":"ok","value":%d}`, i), Expect: rev}); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			end(b, rb)
		})
	}
}

func end(b *testing.B, runs ...*exchange.Run) {
	b.Helper()
	for _, r := range runs {
		if err := r.End(b.Context(), ""); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAllWaitForAll has many nodes (APPLY_BENCH_NODES, 1000) join, export ten facts each, and wait for the last fact of all.
func BenchmarkAllWaitForAll(b *testing.B) {
	nodes := 1000
	if n, err := strconv.Atoi(os.Getenv("APPLY_BENCH_NODES")); err == nil {
		nodes = n
	}
	for _, d := range drivers() {
		b.Run(fmt.Sprint(d.name, "/", nodes), func(b *testing.B) {
			open, pids := d.start(b)
			stores := make([]store.Store, nodes)
			for i := range stores {
				stores[i] = open(b, fmt.Sprintf("n%04d", i))
				defer stores[i].Close()
			}
			for i := 0; b.Loop(); i++ {
				allForAll(b, stores, fmt.Sprint("d", i))
			}
			total := 0
			for _, pid := range pids {
				total += peakMemory(b, pid)
			}
			b.ReportMetric(float64(total)/1024, "server-MiB")
		})
	}
}

func allForAll(b *testing.B, stores []store.Store, deployment string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() {
			if err := converge(ctx, s, deployment, fmt.Sprintf("n%04d", i), len(stores)); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

func converge(ctx context.Context, s store.Store, deployment, node string, all int) error {
	x, err := exchange.New(s, exchange.Options{Deployment: deployment})
	if err != nil {
		return err
	}
	w := record.Wait{Name: "all", Fact: "f9", Group: "all", Min: all}
	p := exchange.Plan{Waits: []record.Wait{w}}
	for i := range 10 {
		p.Exports = append(p.Exports, record.Export{Fact: fmt.Sprint("f", i)})
	}
	r, err := x.Join(ctx, exchange.Identity{Node: node, Groups: []string{"all"}, Boot: "b", Machine: node, Run: "r"}, p)
	if err != nil {
		return err
	}
	for i := range 10 {
		if err := r.Publish(ctx, fmt.Sprint("f", i), json.RawMessage(`"10.0.0.1"`), 0); err != nil {
			return err
		}
	}
	v, err := r.Wait(ctx, w, nil)
	if err != nil {
		return err
	}
	if v.Count != all || len(v.Nodes[node]) != 10 {
		return fmt.Errorf("%s sees %d nodes, %d facts of its own", node, v.Count, len(v.Nodes[node]))
	}
	return r.End(ctx, "")
}

// peakMemory is the most resident memory that a process has had, in KiB.
func peakMemory(b *testing.B, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib
}
