package sshclient

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/nodeapply/apply/sshclient/config"
)

// held serves an agent that holds these keys, and returns its socket.
func held(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		must(t, ring.Add(k))
	}
	socket := filepath.Join(t.TempDir(), "agent")
	ln, err := net.Listen("unix", socket)
	must(t, err)
	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			owned.Go(func() {
				defer conn.Close()
				agent.ServeAgent(ring, conn) // ends with the connection
			})
		}
	})
	t.Cleanup(func() { ln.Close(); owned.Wait() })
	return socket
}

// privateKey is a user's new key.
func privateKey(t *testing.T) (ed25519.PrivateKey, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	return private, signer
}

// enter logs in at a server that lets in only those who have the key, with the file config of a home and an agent's socket.
func enter(t *testing.T, home string, key ssh.PublicKey, agent string) error {
	t.Helper()
	c, err := config.Read(home, filepath.Join(home, "config"))
	must(t, err)
	host, _ := newKey(t)
	address, _ := server(t, host, key, nil, 0)
	known := filepath.Join(home, "known_hosts")
	must(t, os.WriteFile(known, append([]byte("n1 "), ssh.MarshalAuthorizedKey(host.PublicKey())...), 0o600))
	d := New(Options{User: "root", Home: home, Agent: agent, KnownHosts: []string{known}, Config: c})
	defer d.Close()
	client, err := d.Dial(t.Context(), Target{Name: "n1", Address: address})
	if err == nil {
		client.Close()
	}
	return err
}

// TestIdentitiesOnly: of the agent's keys only those are offered whose files are named, in whatever form they are there.
func TestIdentitiesOnly(t *testing.T) {
	private, signer := privateKey(t)
	stranger, _ := privateKey(t)
	guarded, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	must(t, err)
	authority, _ := newKey(t)
	cert := certified(t, authority, signer, ssh.UserCert, time.Now().Add(time.Hour), "root").PublicKey().(*ssh.Certificate)
	public := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	for _, tt := range []struct {
		name  string
		files map[string]string
		agent []agent.AddedKey
		told  string // "" where it is let in
	}{
		{"a guarded key that the agent holds", map[string]string{"key": string(pem.EncodeToMemory(guarded))}, []agent.AddedKey{{PrivateKey: stranger}, {PrivateKey: private}}, ""},
		{"a public key that the agent holds the private one of", map[string]string{"key": public}, []agent.AddedKey{{PrivateKey: private}}, ""},
		{"a key of which only the public part is there", map[string]string{"key.pub": public}, []agent.AddedKey{{PrivateKey: private}}, ""},
		{"a key that the agent holds with a certificate", map[string]string{"key.pub": public}, []agent.AddedKey{{PrivateKey: private, Certificate: cert}, {PrivateKey: private}}, ""},
		{"a guarded key that it does not hold", map[string]string{"key": string(pem.EncodeToMemory(guarded))}, []agent.AddedKey{{PrivateKey: stranger}}, "has a passphrase: add it to the agent"},
		{"a public key that it does not hold", map[string]string{"key": public}, nil, "the agent does not hold its private one"},
		{"a key that is not there", nil, []agent.AddedKey{{PrivateKey: private}}, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			for name, text := range tt.files {
				must(t, os.WriteFile(filepath.Join(home, name), []byte(text), 0o600))
			}
			must(t, os.WriteFile(filepath.Join(home, "config"), []byte("IdentitiesOnly yes\nIdentityFile ~/key\n"), 0o600))
			err := enter(t, home, signer.PublicKey(), held(t, tt.agent...))
			if tt.told == "" && err != nil || tt.told != "" && (!errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), tt.told)) {
				t.Errorf("want %q, got %v", tt.told, err)
			}
		})
	}
}

// TestIdentityAgent: a host's own agent takes the place of the environment's; none is none, and a variable names one.
func TestIdentityAgent(t *testing.T) {
	private, signer := privateKey(t)
	stranger, _ := privateKey(t)
	own, usual := held(t, agent.AddedKey{PrivateKey: private}), held(t, agent.AddedKey{PrivateKey: stranger})
	t.Setenv("OWN_AGENT", own)
	t.Setenv("OWN_DIR", filepath.Dir(own))
	for _, tt := range []struct {
		line, environment string
		told              string // "" where it is let in
	}{
		{"IdentityAgent " + own, usual, ""},
		{"IdentityAgent $OWN_AGENT", "", ""},
		{"IdentityAgent ${OWN_DIR}/agent", usual, ""},
		{"IdentityAgent SSH_AUTH_SOCK", own, ""},
		{"Host n1\nIdentityAgent " + own + "\nHost *\nIdentityAgent " + usual, usual, ""},
		{"Host n2\nIdentityAgent " + own, usual, "1 keys of the agent"},
		{"IdentityAgent none", own, "no agent"},
		{"IdentityAgent $NO_AGENT", own, "no agent"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			home := t.TempDir()
			must(t, os.WriteFile(filepath.Join(home, "config"), []byte(tt.line+"\n"), 0o600))
			err := enter(t, home, signer.PublicKey(), tt.environment)
			if tt.told == "" && err != nil || tt.told != "" && (!errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), tt.told)) {
				t.Errorf("want %q, got %v", tt.told, err)
			}
		})
	}
}
