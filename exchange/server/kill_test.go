package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/store"
)

// serveEnv makes the test's program an exchange: its value is the folder, a space and the address.
const serveEnv = "APPLY_EXCHANGE_TEST_SERVE"

func TestMain(m *testing.M) {
	if data, listen, ok := strings.Cut(os.Getenv(serveEnv), " "); ok {
		err := server.Serve(context.Background(), server.Options{
			Data: data, Listen: listen, Ready: func(a net.Addr) { fmt.Println(a) },
		})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// process is an exchange in a process of its own.
type process struct {
	cmd  *exec.Cmd
	addr string
}

func startProcess(t *testing.T, data, listen string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+data+" "+listen)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("exchange does not start: %v", err)
	}
	return &process{cmd, strings.TrimSpace(addr)}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	p.cmd.Wait() // "signal: killed" is what was asked for
}

// TestNoAcknowledgedFactIsLost kills the server (kill -9) at random points of its writes, again and again, while nodes write.
func TestNoAcknowledgedFactIsLost(t *testing.T) {
	const rounds, writers = 8, 4
	data := t.TempDir()
	a, err := pki.OpenAuthority(t.Context(), data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, data, "127.0.0.1:0")
	defer func() { p.kill(t) }()
	clients := make([]*client.Client, writers)
	for i := range clients {
		dir := t.TempDir()
		if err := a.Enroll(fmt.Sprint("node", i), dir); err != nil {
			t.Fatal(err)
		}
		c, err := pki.LoadCredentials(dir)
		if err != nil {
			t.Fatal(err)
		}
		if clients[i], err = client.New("https://"+p.addr, c); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	acknowledged, tried := make([]int, writers), make([]int, writers)
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i, c := range clients {
			wg.Go(func() { write(t, ctx, c, i, &acknowledged[i], &tried[i]) })
		}
		timer := time.NewTimer(time.Duration(20+rnd.IntN(150)) * time.Millisecond)
		<-timer.C
		p.kill(t)
		cancel()
		wg.Wait()
		p = startProcess(t, data, p.addr)
		for i, c := range clients {
			e, err := store.Retry(t.Context(), func(ctx context.Context) (store.Entry, error) { return c.Get(ctx, factOf(i)) })
			if errors.Is(err, store.ErrNotFound) && acknowledged[i] == 0 {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if _, err := fmt.Sscanf(string(e.Value), `{"status":"ok","value":%d}`, &n); err != nil {
				t.Fatalf("round %d: value %s: %v", round, e.Value, err)
			}
			if n < acknowledged[i] || n > tried[i] {
				t.Errorf("round %d: node%d: %d stands, %d was acknowledged, %d was tried", round, i, n, acknowledged[i], tried[i])
			}
		}
	}
	for i, n := range acknowledged {
		if n < rounds {
			t.Errorf("node%d wrote %d times in %d rounds: the test tests nothing", i, n, rounds)
		}
	}
}

func factOf(i int) string { return fmt.Sprintf("facts/default/node%d/n", i) }

// write puts ever larger numbers until the context ends or the server has gone.
func write(t *testing.T, ctx context.Context, c store.Store, i int, acknowledged, tried *int) {
	for {
		*tried++
		_, err := c.Put(ctx, store.Put{Key: factOf(i), Value: okFact(fmt.Sprint(*tried)), Expect: store.Any})
		if err == nil {
			*acknowledged = *tried
			continue
		}
		if errors.Is(err, store.ErrUnavailable) && *acknowledged == 0 && ctx.Err() == nil {
			continue // it is still starting
		}
		if ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("node%d: %v", i, err)
		}
		return
	}
}
