package tree

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/fleet/tree/authority"
)

// Bounds of what a node serves to others.
const (
	maxServed       = 64               // connections at a time
	requestPatience = 10 * time.Second // for the handshake and the request
	writePatience   = 30 * time.Second // for each piece to be taken
	maxRequest      = 128              // bytes
)

// Server lets other nodes of the run get what a Store has. A request is "ID OFFSET" and a newline, the answer the content from there to its end.
type Server struct {
	store  *Store
	config *tls.Config
	ln     net.Listener
	slots  chan struct{}
	cancel context.CancelFunc
	owned  sync.WaitGroup
}

// Listen serves on an address of this node, at a port of the kernel's choice, until Close.
func Listen(ctx context.Context, host string, id *authority.Identity, s *Store) (*Server, error) {
	config, err := id.TLS()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	srv := &Server{store: s, config: config, ln: ln, slots: make(chan struct{}, maxServed), cancel: cancel}
	srv.owned.Go(func() { srv.accept(ctx) })
	return srv, nil
}

// Address is where it listens.
func (s *Server) Address() string { return s.ln.Addr().String() }

// Close ends it and all connections.
func (s *Server) Close() error {
	s.cancel()
	err := s.ln.Close()
	s.owned.Wait()
	return err
}

func (s *Server) accept(ctx context.Context) {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return // it was closed
		}
		select {
		case s.slots <- struct{}{}:
		default:
			conn.Close() // whoever is turned away goes to another
			continue
		}
		s.owned.Go(func() {
			defer func() { <-s.slots }()
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			_ = s.serve(ctx, conn) // whoever asks sees that it ends too early
		})
	}
}

// serve answers one request. The other node has proved that it is of the run.
func (s *Server) serve(ctx context.Context, raw net.Conn) error {
	out := &gathering{Conn: raw}
	conn := tls.Server(out, s.config)
	if err := conn.SetDeadline(time.Now().Add(requestPatience)); err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	line, err := bufio.NewReaderSize(io.LimitReader(conn, maxRequest), maxRequest).ReadString('\n')
	if err != nil {
		return err
	}
	id, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("request %q: is none", line)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.owned.Go(func() { // sees that the other is gone while there is nothing to write
		defer cancel()
		_ = conn.SetReadDeadline(time.Time{})
		_, _ = conn.Read(make([]byte, 1))
	})
	if err := s.store.copy(ctx, &patientWriter{conn, out}, id, offset); err != nil {
		return err
	}
	return conn.CloseWrite()
}

// patientWriter gives each piece its own time, and sends it at once.
type patientWriter struct {
	net.Conn
	raw *gathering
}

func (w *patientWriter) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return 0, err
	}
	w.raw.hold()
	n, err := w.Conn.Write(p)
	return n, errors.Join(err, w.raw.release())
}

// gathering is a connection that holds back records of TLS, which are 16 KiB at most, to send them by one call.
type gathering struct {
	net.Conn

	mu      sync.Mutex
	holding bool
	held    []byte
}

// hold holds back what is written from now on.
func (g *gathering) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holding = true
}

// release sends what was held back.
func (g *gathering) release() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, err := g.Conn.Write(g.held)
	g.holding, g.held = false, g.held[:0]
	return err
}

func (g *gathering) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holding {
		g.held = append(g.held, p...)
		return len(p), nil
	}
	return g.Conn.Write(p)
}
