package authority_test

import (
	"crypto/tls"
	"testing"
	"testing/synctest"

	"github.com/nodeapply/apply/fleet/tree/authority"
)

// TestClocks: nodes believe each other though their clocks are years off the seat's, and nobody whom another authority has signed.
func TestClocks(t *testing.T) {
	var one, other, stranger *authority.Identity
	synctest.Test(t, func(t *testing.T) { // in the year 2000
		mine, theirs := made(t), made(t)
		one, other, stranger = identity(t, mine, "n1"), identity(t, mine, "n2"), identity(t, theirs, "n2")
	})
	if err := speak(t, one, other, "n2"); err != nil {
		t.Error(err)
	}
	if err := speak(t, one, stranger, "n2"); err == nil {
		t.Error("a stranger is believed")
	}
	if err := speak(t, one, other, "n3"); err == nil {
		t.Error("n2 is taken for n3")
	}
}

func made(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func identity(t *testing.T, a *authority.Authority, name string) *authority.Identity {
	t.Helper()
	id, err := a.Identity(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// speak connects one to another, by the name that it is to have.
func speak(t *testing.T, one, other *authority.Identity, name string) error {
	t.Helper()
	client, err := one.TLS()
	if err != nil {
		t.Fatal(err)
	}
	server, err := other.TLS()
	if err != nil {
		t.Fatal(err)
	}
	client.ServerName = name
	ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			err = conn.(*tls.Conn).HandshakeContext(t.Context())
			conn.Close()
		}
		served <- err
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err != nil {
		<-served
		return err
	}
	defer conn.Close()
	return <-served
}
