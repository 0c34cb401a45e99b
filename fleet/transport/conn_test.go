package transport

import (
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"
)

// dying is a connection to a server that accepts one session with a command, and is gone.
func dying(t *testing.T) *conn {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serveOnce(ln, signer) }()
	t.Cleanup(func() {
		ln.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	client, err := ssh.Dial("tcp", ln.Addr().String(), &ssh.ClientConfig{User: "root", HostKeyCallback: ssh.FixedHostKey(signer.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{client: client, end: func() {}}
	t.Cleanup(func() { c.Close() })
	return c
}

func serveOnce(ln net.Listener, signer ssh.Signer) error {
	raw, err := ln.Accept()
	if err != nil {
		return err
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	server, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests) // ends with the connection
	session, asked, err := (<-channels).Accept()
	if err != nil {
		return err
	}
	if err := (<-asked).Reply(true, nil); err != nil {
		return err
	}
	if _, err := io.WriteString(session, "begun\n"); err != nil {
		return err
	}
	return server.Close()
}

// TestLost: a connection that ends is told as that, by what it was used for and by what is tried afterwards.
func TestLost(t *testing.T) {
	for name, use := range map[string]func(*conn) error{
		"a command": func(c *conn) error {
			_, err := c.Run(t.Context(), Command{Line: "true"})
			return err
		},
		"a stream": func(c *conn) error {
			s, err := c.Start("true")
			if err != nil {
				return err
			}
			_, readErr := io.ReadAll(s)
			return errors.Join(readErr, s.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dying(t)
			for _, when := range []string{"begun", "not begun"} {
				if err := use(c); !errors.Is(err, ErrLost) {
					t.Errorf("%s: want %v, got %v", when, ErrLost, err)
				}
				_ = c.client.Wait() // until the end is known
			}
		})
	}
}
