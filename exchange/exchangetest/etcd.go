package exchangetest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Etcd is a real etcd cluster on the loopback interface.
type Etcd struct {
	Endpoints []string // host:port of each member's client listener
	Log       string   // folder of the members' logs
	args      [][]string
	procs     []*os.Process
	scheme    string
}

// StartEtcd starts a cluster of Debian's etcd-server and ends it with the test, or skips the test when it is not installed.
// extra are further flags for every member.
func StartEtcd(t testing.TB, members int, extra ...string) *Etcd {
	t.Helper()
	program := lookPath("etcd")
	if program == "" {
		t.Skip("etcd is not installed (scripts/install.sh): left out is everything that is compared with a real etcd")
	}
	dir := t.TempDir()
	e := &Etcd{Log: dir, procs: make([]*os.Process, members), scheme: "http"}
	for _, x := range extra {
		if strings.HasPrefix(x, "--cert-file") {
			e.scheme = "https"
		}
	}
	ports := freePorts(t, 2*members)
	var cluster []string
	for i := range members {
		cluster = append(cluster, fmt.Sprintf("m%d=http://127.0.0.1:%d", i, ports[2*i+1]))
		e.Endpoints = append(e.Endpoints, fmt.Sprintf("127.0.0.1:%d", ports[2*i]))
	}
	for i := range members {
		client, peer := e.scheme+"://"+e.Endpoints[i], fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1])
		e.args = append(e.args, append([]string{
			program, "--name", fmt.Sprintf("m%d", i), "--data-dir", filepath.Join(dir, fmt.Sprintf("m%d", i)),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--logger", "zap", "--log-level", "error",
		}, extra...))
	}
	t.Cleanup(func() {
		for i := range e.procs {
			e.Kill(t, i)
		}
	})
	for i := range members {
		e.Start(t, i)
	}
	e.healthy(t)
	return e
}

// Start starts a member that is not running.
func (e *Etcd) Start(t testing.TB, i int) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(e.Log, fmt.Sprintf("m%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p, err := os.StartProcess(e.args[i][0], e.args[i], &os.ProcAttr{
		Files: []*os.File{nil, log, log}, Env: []string{"PATH=" + os.Getenv("PATH")},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.procs[i] = p
}

// lookPath finds a program; "" when it is not there. Few packages may import os/exec, and this is none of them.
func lookPath(program string) string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// Kill ends a member at once (kill -9), if it runs.
func (e *Etcd) Kill(t testing.TB, i int) {
	t.Helper()
	if e.procs[i] == nil {
		return
	}
	if err := e.procs[i].Kill(); err != nil {
		t.Error(err)
	}
	if _, err := e.procs[i].Wait(); err != nil {
		t.Error(err)
	}
	e.procs[i] = nil
}

// healthy waits until the cluster has a leader. A member that asks for client certificates is taken for healthy when it
// listens.
func (e *Etcd) healthy(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, endpoint := range e.Endpoints {
		for !e.up(ctx, endpoint) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				log, _ := os.ReadFile(filepath.Join(e.Log, "m0.log"))
				t.Fatalf("etcd at %s does not start:\n%s", endpoint, log)
			}
		}
	}
}

func (e *Etcd) up(ctx context.Context, endpoint string) bool {
	if e.scheme == "https" {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", endpoint)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+endpoint+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports
}
