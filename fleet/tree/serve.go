package tree

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
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
func Listen(ctx context.Context, host string, id *Identity, s *Store) (*Server, error) {
	config, err := id.config()
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
			conn.Close() // who is turned away goes to another
			continue
		}
		s.owned.Go(func() {
			defer func() { <-s.slots }()
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			_ = s.serve(ctx, conn) // who asks sees that it ends too early
		})
	}
}

// serve answers one request. The other node has proved that it is of the run.
func (s *Server) serve(ctx context.Context, raw net.Conn) error {
	conn := tls.Server(raw, s.config)
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
	if err := s.store.copy(ctx, patientWriter{conn}, id, offset); err != nil {
		return err
	}
	return conn.CloseWrite()
}

// patientWriter gives each piece its own time.
type patientWriter struct{ net.Conn }

func (w patientWriter) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}
