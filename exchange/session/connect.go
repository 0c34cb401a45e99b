package session

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
)

// ThisMachine is this machine by its short host name, in no group.
func ThisMachine() (exchange.Identity, error) {
	host, err := os.Hostname()
	if err != nil {
		return exchange.Identity{}, err
	}
	short, _, _ := strings.Cut(host, ".")
	return exchange.Identity{Node: short, Boot: line("/proc/sys/kernel/random/boot_id"), Machine: line("/etc/machine-id"), Address: host}, nil
}

// line is the first line of a small file, "" where it cannot be read.
func line(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(first)
}

func (s *Session) identity(ctx context.Context) (exchange.Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == nil {
		id, err := s.o.Identify(ctx)
		if err != nil {
			return exchange.Identity{}, fmt.Errorf("exchange: this node's name: %w", err)
		}
		s.id = &id
	}
	return *s.id, nil
}

func (s *Session) connect(ctx context.Context) (*exchange.Exchange, error) {
	id, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	if s.o.Store != nil {
		s.conn, err = exchange.New(s.o.Store, exchange.Options{Deployment: s.o.Deployment})
		return s.conn, err
	}
	c, err := connect.Open(ctx, s.o.URL, connect.Options{
		CredentialsDir: s.o.Credentials, StateDir: s.o.StateDir, Node: id.Node, Deployment: s.o.Deployment, Warn: s.o.Warn,
	})
	if err != nil {
		return nil, err
	}
	s.conn, s.store = c.Exchange, c
	return s.conn, nil
}

// Close lets go of the connection.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := s.store
	s.conn, s.store = nil, nil
	if opened == nil {
		return nil
	}
	return opened.Close()
}
