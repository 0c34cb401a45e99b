package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/bench/setup"
	"github.com/nodeapply/apply/exchange/client"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// startTimeout is for servers to answer.
const startTimeout = 30 * time.Second

// service is an exchange in processes of its own.
type service struct {
	name      string
	processes []*exec.Cmd
	open      func(ctx context.Context, node string) (store.Store, error)
}

// stop ends the processes.
func (s *service) stop() error {
	var errs []error
	for _, p := range s.processes {
		errs = append(errs, p.Process.Kill())
		p.Wait() // "signal: killed" is what was asked for
	}
	return errors.Join(errs...)
}

// spawn starts a program of the service, whose output is dropped.
func (s *service) spawn(program string, args ...string) error {
	p := exec.Command(program, args...)
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return nil
}

// startEmbedded runs `apply exchange serve`, as an operator does.
func startEmbedded(ctx context.Context, dir string) (*service, error) {
	program := filepath.Join(dir, "apply")
	if err := setup.Build(ctx, program, "./cmd/apply"); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	authority, err := pki.OpenAuthority(ctx, data, time.Now)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &service{name: "embedded"}
	s.open = func(_ context.Context, node string) (store.Store, error) {
		credentials := filepath.Join(dir, node)
		if err := authority.Enroll(node, credentials); err != nil {
			return nil, err
		}
		c, err := pki.LoadCredentials(credentials)
		if err != nil {
			return nil, err
		}
		return client.New("https://"+address, c)
	}
	if err := s.spawn(program, "exchange", "serve", "--data", data, "--listen", address); err != nil {
		return nil, err
	}
	if err := s.answers(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// answers waits until the exchange can be read.
func (s *service) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%s: no answer in %v", s.name, startTimeout))
	defer cancel()
	c, err := s.open(ctx, "probe")
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = store.Retry(ctx, func(ctx context.Context) (store.Listing, error) { return c.List(ctx, name.All) })
	return err
}

// startEtcd runs three members of Debian's etcd-server.
func startEtcd(ctx context.Context, dir string) (*service, error) {
	const members = 3
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var clients, peers, cluster []string
	for i := range members {
		c, err1 := freeAddress()
		p, err2 := freeAddress()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		clients, peers = append(clients, c), append(peers, p)
		cluster = append(cluster, fmt.Sprintf("m%d=http://%s", i, p))
	}
	s := &service{name: "etcd, three members"}
	for i := range members {
		err := s.spawn("etcd", "--name", fmt.Sprint("m", i), "--data-dir", filepath.Join(dir, fmt.Sprint("m", i)),
			"--listen-client-urls", "http://"+clients[i], "--advertise-client-urls", "http://"+clients[i],
			"--listen-peer-urls", "http://"+peers[i], "--initial-advertise-peer-urls", "http://"+peers[i],
			"--initial-cluster", strings.Join(cluster, ","), "--logger", "zap", "--log-level", "error")
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	s.open = func(ctx context.Context, _ string) (store.Store, error) {
		return etcd.New(ctx, etcd.Options{Endpoints: clients})
	}
	for _, c := range clients {
		if err := healthy(ctx, c); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// healthy waits until a member of a cluster knows a leader.
func healthy(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("etcd at %s: not healthy in %v", address, startTimeout))
	defer cancel()
	_, err := store.Retry(ctx, func(ctx context.Context) (bool, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
		if err != nil {
			return false, err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return false, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			return false, fmt.Errorf("%w: status %d %w", store.ErrUnavailable, answer.StatusCode, err)
		}
		return true, nil
	})
	return err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// memory is the most resident memory that the processes have had, in KiB.
func (s *service) memory() (int, error) {
	total := 0
	for _, p := range s.processes {
		f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
		if err != nil {
			return 0, err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
				kib, err := strconv.Atoi(strings.Fields(rest)[0])
				if err != nil {
					return 0, err
				}
				total += kib
			}
		}
	}
	return total, nil
}

// clockTick is what proc_pid_stat(5) counts in, on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// cpu is the processor time of the processes so far.
func (s *service) cpu() (time.Duration, error) {
	ticks := 0
	for _, p := range s.processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, f := range fields[11:13] { // utime, stime
			n, err := strconv.Atoi(f)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}
