// Package server is the embedded exchange: one listener, HTTPS, on which nodes speak the store's calls by mutual TLS, and
// orchestrators and people the HTTP face by bearer token. What nodes write is kept in a bbolt file.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/face"
	"github.com/nodeapply/apply/exchange/internal/database"
	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// DefaultListen and DefaultData are what `apply exchange serve` takes when nothing is said.
const (
	DefaultListen = ":7654"
	DefaultData   = "/var/lib/apply/exchange"
)

// Deadlines of a connection: to say hello and send a request, to take what is sent, to sit idle, and to end at shutdown.
const (
	readTimeout     = 20 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = 3 * time.Minute
	shutdownTimeout = 5 * time.Second
)

// Options of Serve. Nothing is required.
type Options struct {
	Listen string       // host:port; "" is DefaultListen
	Data   string       // folder; "" is DefaultData
	Hosts  []string     // names and addresses of the certificate, besides this machine's own
	Log    *slog.Logger // nil: silent
	Ready  func(net.Addr)
}

type server struct {
	hub       *ledger.Hub
	authority *pki.Authority
	clock     func() time.Time
	watches   atomic.Int64 // that are open

	mu    sync.Mutex
	cert  *tls.Certificate
	hosts []string
}

// Serve runs an exchange, kept in a file, until the context ends; that is no error.
func Serve(ctx context.Context, o Options) (err error) {
	o.Listen, o.Data = cmp.Or(o.Listen, DefaultListen), cmp.Or(o.Data, DefaultData)
	authority, err := pki.OpenAuthority(ctx, o.Data, time.Now)
	if err != nil {
		return err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	db, hub, err := database.Open(o.Data, o.Log)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer hub.Close()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(o.Data, addressFile), []byte(ln.Addr().String()), 0o600); err != nil {
		o.Log.Warn("apply exchange forget has to be told where the exchange is", "error", err)
	}
	return On(ctx, ln, hub, authority, o)
}

// addressFile is beside the data, and says where the exchange listens.
const addressFile = "address"

// URL is under which the exchange of a data folder is reached from this machine.
func URL(data string) (string, error) {
	address, err := durable.ReadFile(filepath.Join(data, addressFile))
	if errors.Is(err, fs.ErrNotExist) { // it was started by an earlier version
		address, err = []byte(DefaultListen), nil
	}
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(string(address))
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	return "https://" + net.JoinHostPort(host, port), err
}

// errEnding is what those are told who still wait for something when the exchange ends: it may be back.
var errEnding = fmt.Errorf("%w: it is shutting down", store.ErrUnavailable)

// On serves a store to the nodes of an authority on a listener, which it closes, until the context ends; that is no error. Of the options
// Listen and Data do not count.
func On(ctx context.Context, ln net.Listener, hub *ledger.Hub, authority *pki.Authority, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{hub: hub, authority: authority, clock: time.Now, hosts: append(o.Hosts, ownHosts()...)}
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	srv := &http.Server{
		Handler:           s.handler(),
		TLSConfig:         s.tls(),
		BaseContext:       func(net.Listener) context.Context { return life },
		ReadHeaderTimeout: readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: readTimeout, PingTimeout: readTimeout, WriteByteTimeout: writeTimeout},
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(&accepting{Listener: ln, log: o.Log}, "", "") }()
	o.Log.Info("exchange is listening", "address", ln.Addr().String())
	if o.Ready != nil {
		o.Ready(ln.Addr())
	}
	select {
	case err := <-served:
		return fmt.Errorf("exchange: %w", err)
	case <-ctx.Done():
	}
	end(errEnding) // streams see the end of their context
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if srv.Shutdown(stop) != nil {
		srv.Close()
	}
	<-served
	return nil
}

// accepting tells of a listener that has no descriptors left: what the HTTP server says of it is among what any scan of the port makes it say.
type accepting struct {
	net.Listener
	log     *slog.Logger
	failing bool // the last one was not accepted, which is told
}

// Accept implements [net.Listener].
func (l *accepting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	switch failing := err != nil && !errors.Is(err, net.ErrClosed); {
	case failing && !l.failing: // it is tried again and again
		l.failing = true
		l.log.Error("connections cannot be accepted: nodes wait until they can", "error", err)
	case err == nil && l.failing:
		l.failing = false
		l.log.Info("connections are accepted again")
	}
	return c, err
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+wire.Path+"{call}", wire.Handler(s.call))
	mux.Handle("POST "+wire.RenewPath, wire.Handler(s.renew))
	mux.Handle("/", face.New(s.hub, s.authority, s.clock).Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Every request of an HTTP/2 connection comes here, so a revoked node is cut off with its next one.
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		mux.ServeHTTP(w, r)
	})
}

// tls gives every new connection the present certificate.
func (s *server) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			cert, err := s.certificate()
			if err != nil {
				return nil, err
			}
			c := s.authority.Serving(*cert)
			c.NextProtos = []string{"h2", "http/1.1"}
			return c, nil
		},
		// No connection comes to it: without a certificate nothing is served.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate() },
	}
}

// certificate is the listener's, made anew when a third of its life is left.
func (s *server) certificate() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert == nil || s.clock().After(s.cert.Leaf.NotAfter.Add(-pki.RenewBefore)) {
		c, err := s.authority.Server(s.hosts)
		if err != nil {
			return nil, err
		}
		s.cert = &c
	}
	return s.cert, nil
}

// ownHosts are the names and addresses under which this machine is called.
func ownHosts() []string {
	hosts := []string{"localhost"}
	if h, err := os.Hostname(); err == nil {
		hosts = append(hosts, h)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return hosts
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			hosts = append(hosts, n.IP.String())
		}
	}
	return hosts
}
