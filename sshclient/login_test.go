package sshclient

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

// newKey makes a key, and the file of its private part.
func newKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	private, key := privateKey(t)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return key, file
}

// server is an ssh server that does something else to the first connections.
func server(t *testing.T, host ssh.Signer, user ssh.PublicKey, first func(net.Conn), times int) (address string, connections func() int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.Marshal()) {
			return nil, errors.New("unknown")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	var owned sync.WaitGroup
	count := 0
	owned.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if count++; count <= times {
				first(conn)
				conn.Close()
				continue
			}
			owned.Go(func() {
				defer conn.Close()
				if c, channels, requests, err := ssh.NewServerConn(conn, config); err == nil {
					go ssh.DiscardRequests(requests) // ends with the connection
					for ch := range channels {
						ch.Reject(ssh.Prohibited, "")
					}
					c.Wait()
				}
			})
		}
	})
	stop := sync.OnceFunc(func() { ln.Close(); owned.Wait() })
	t.Cleanup(stop)
	return ln.Addr().String(), func() int { stop(); return count }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errOther stands for what a connection ends with that is lost in the middle of a handshake: it depends on who notices first.
var errOther = errors.New("another error than errDropped")

// TestDropped: a server that drops connections before it speaks is tried again, within the time there is; one that does something else is not.
func TestDropped(t *testing.T) {
	say := func(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }
	for _, tt := range []struct {
		name        string
		first       func(net.Conn)
		times       int
		timeout     time.Duration
		connections int
		err         error
	}{
		{"at once", say(""), 3, 10 * time.Second, 4, nil},
		{"with a word", say("Exceeded MaxStartups\r\n"), 2, 10 * time.Second, 3, nil},
		{"to the end", say(""), 1000, 2 * time.Second, 0, errDropped},
		{"after it spoke", say("SSH-2.0-x\r\n"), 1, 10 * time.Second, 1, errOther},
		{"after a word and it spoke", say("welcome\r\nSSH-2.0-x\r\n"), 1, 10 * time.Second, 1, errOther},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host, _ := newKey(t)
			user, file := newKey(t)
			address, connections := server(t, host, user.PublicKey(), tt.first, tt.times)
			name, port, err := net.SplitHostPort(address)
			must(t, err)
			known := filepath.Join(t.TempDir(), "known_hosts")
			must(t, os.WriteFile(known, fmt.Appendf(nil, "[%s]:%s %s", name, port, ssh.MarshalAuthorizedKey(host.PublicKey())), 0o600))
			d := New(Options{User: "root", Home: t.TempDir(), Identities: []string{file}, KnownHosts: []string{known}, Timeout: tt.timeout})
			defer d.Close()
			start := time.Now()
			client, err := d.Dial(t.Context(), Target{Name: "n1", Address: address})
			if err == nil {
				client.Close()
			}
			other := tt.err == errOther && err != nil && !errors.Is(err, errDropped)
			if !other && !errors.Is(err, tt.err) {
				t.Errorf("want %v, got %v", tt.err, err)
			}
			if took := time.Since(start); took > tt.timeout+20*time.Second {
				t.Errorf("took %v", took)
			}
			switch got := connections(); {
			case tt.connections == 0 && got < 2:
				t.Errorf("tried %d times", got)
			case tt.connections > 0:
				if diff := cmp.Diff(tt.connections, got); diff != "" {
					t.Errorf("connections: %s", diff)
				}
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if pause(ctx, 0) {
			t.Error("it is tried again after the end")
		}
	})
}

// A handshake that was given up may leave its reader behind: the race detector sees whether that looks meanwhile at what the server said.
func TestSpokeWhileStillRead(t *testing.T) {
	near, far := net.Pipe()
	b := &begun{Conn: near}
	var owned sync.WaitGroup
	owned.Go(func() {
		_, _ = io.Copy(io.Discard, b)
	})
	owned.Go(func() {
		_, _ = io.WriteString(far, "welcome\r\nSSH-2.0-x\r\n")
		far.Close()
	})
	for !b.spoke() {
		if t.Context().Err() != nil {
			t.Fatal("it never spoke")
		}
	}
	owned.Wait()
}
