package relay

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet/wire"
)

// Bounds of what a node serves of the program.
const (
	maxShared      = 16               // at a time
	headerPatience = 5 * time.Second  // for a request
	sharePatience  = 10 * time.Minute // for the program to be taken
	maxHeader      = 4 << 10          // bytes
)

// brought is the compressed program as the script that started this one has left it: open, without a name.
func brought(fd string) (*os.File, error) {
	if fd == "" {
		return nil, nil // it was there before
	}
	n, err := strconv.Atoi(fd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", programFD, err)
	}
	unix.CloseOnExec(n)
	f := os.NewFile(uintptr(n), "program")
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: %q is not a file", programFD, fd), err)
	}
	return f, nil
}

// shop serves the program to those who know the key. Nothing of it is secret, and whoever gets it verifies it: the key keeps others from making this node work.
type shop struct {
	server *http.Server
	ln     net.Listener
	key    string
	owned  sync.WaitGroup
}

func openShop(host string, program *os.File) (*shop, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	s := &shop{ln: ln, key: rand.Text()}
	slots := make(chan struct{}, maxShared)
	s.server = &http.Server{
		ReadHeaderTimeout: headerPatience, WriteTimeout: sharePatience, MaxHeaderBytes: maxHeader, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte("/"+s.key)) != 1 {
				http.NotFound(w, r)
				return
			}
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			default:
				http.Error(w, "busy", http.StatusServiceUnavailable) // whoever is turned away goes to another
				return
			}
			f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", program.Fd())) // with an offset of its own
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			defer f.Close()
			_, _ = io.Copy(w, f) // whoever asks sees that it ends too early
		}),
	}
	s.owned.Go(func() { _ = s.server.Serve(ln) }) // until close
	return s, nil
}

func (s *shop) close() error {
	err := s.server.Close()
	s.owned.Wait()
	return err
}

// share begins to serve the program to other nodes, where it was just brought to this one.
func (n *node) share(_ context.Context, c *wire.Call) (wire.End, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var told Shared
	if host := address(); host != "" && n.program != nil && n.shop == nil {
		if s, err := openShop(host, n.program); err == nil { // else it serves nobody
			n.shop, told = s, Shared{s.ln.Addr().String(), s.key}
		}
	}
	return wire.End{}, json.NewEncoder(c.Stdout).Encode(told)
}
