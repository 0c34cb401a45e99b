package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nodeapply/apply/source/sourcetest"
)

// startSSH starts sshd: sshd. It sets SSH_PORT, SSH_KEY (the private key that is let in) and SSH_HOST_KEY (a line for known_hosts).
func startSSH(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: sshd")
	}
	dir := ts.MkAbs("sshd")
	ts.Check(os.MkdirAll(dir, 0o700))
	s, err := sourcetest.StartSSH(dir)
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	ts.Setenv("SSH_PORT", strconv.Itoa(s.Port))
	ts.Setenv("SSH_KEY", s.UserKey)
	ts.Setenv("SSH_HOST_KEY", strings.TrimSpace(s.HostKey))
}

// startHTTPS serves the repositories in a folder: httpsd DIR [USER PASSWORD]. It sets HTTPS_HOST (host:port) and GIT_SSL_CAINFO.
func startHTTPS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: httpsd DIR [USER PASSWORD]")
	}
	var around []func(http.Handler) http.Handler
	if len(args) == 3 {
		around = append(around, sourcetest.Login(args[1], args[2]))
	}
	s, err := sourcetest.StartHTTPS(ts.MkAbs(args[0]), around...)
	ts.Check(err)
	ts.Defer(s.Close)
	ca := ts.MkAbs("ca.pem")
	ts.Check(s.WriteCA(ca))
	ts.Setenv("HTTPS_HOST", strings.TrimPrefix(s.URL, "https://"))
	ts.Setenv("GIT_SSL_CAINFO", ca)
}

// startSilent starts a server that accepts and says nothing: silent. It sets SILENT (host:port); each connection makes the file `connected`.
func startSilent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: silent")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ended := make(chan error)
	connected := filepath.Join(ts.Getenv("WORK"), "connected")
	go func() {
		var held []net.Conn
		var errs []error
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				ended <- errors.Join(errs...)
				return
			}
			held = append(held, c)
			errs = append(errs, os.WriteFile(connected, nil, 0o600))
		}
	}()
	ts.Defer(func() {
		l.Close()
		if err := <-ended; err != nil {
			ts.Fatalf("silent: %v", err)
		}
	})
	ts.Setenv("SILENT", l.Addr().String())
}
