// Package hostkeys knows hosts by their keys, from files of known hosts.
package hostkeys

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// ErrUntrusted is wrapped by the errors of Check.
var ErrUntrusted = errors.New("host key not trusted")

// Files reads each list of files once. It may be used by several goroutines.
type Files struct {
	mu   sync.Mutex
	read map[string]read
}

type read struct {
	known *Known
	err   error
}

// NewFiles has read nothing yet.
func NewFiles() *Files { return &Files{read: map[string]read{}} }

// Known are the host keys of a list of files.
type Known struct {
	db    *knownhosts.HostKeyDB
	files []string
}

// Known are the host keys in those files that are there.
func (k *Files) Known(files []string) (*Known, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := strings.Join(files, "\x00")
	if r, ok := k.read[key]; ok {
		return r.known, r.err
	}
	var there []string
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			there = append(there, f)
		}
	}
	db, err := knownhosts.NewDB(there...)
	if err != nil {
		db, err = legible(there)
	}
	if err != nil {
		err = fmt.Errorf("known hosts: %w", err)
	}
	k.read[key] = read{&Known{db, files}, err}
	return k.read[key].known, err
}

// legible reads the lines that can be read, as ssh(1) does: one of an unknown kind of key, or of an older protocol, must not keep from all other hosts.
func legible(files []string) (*knownhosts.HostKeyDB, error) {
	copies, err := os.CreateTemp("", "known_hosts-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(copies.Name())
	defer copies.Close()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			marker, _, _, _, _, err := ssh.ParseKnownHosts(line)
			if err != nil || !slices.Contains([]string{"", "cert-authority", "revoked"}, marker) {
				continue
			}
			if _, err := fmt.Fprintf(copies, "%s\n", bytes.TrimSpace(line)); err != nil {
				return nil, err
			}
		}
	}
	return knownhosts.NewDB(copies.Name())
}

// Check is strict: a key that is not known under any of a host's names (each HOST:PORT), or another than the known one, is refused. A certificate may be for
// any of them.
func (k *Known) Check(names []string, remote net.Addr, key ssh.PublicKey) error {
	callback := k.db.HostKeyCallback()
	var bad error
	for _, name := range names {
		err := callback(name, remote, key)
		switch {
		case err == nil:
			return nil
		case knownhosts.IsHostUnknown(err), strings.Contains(err.Error(), "no authorities for hostname"):
		case knownhosts.IsHostKeyChanged(err):
			return fmt.Errorf("%w: it changed: the host shows %s %s, which is not the one in known_hosts", ErrUntrusted, key.Type(), ssh.FingerprintSHA256(key))
		case bad == nil:
			bad = fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
	}
	if bad != nil {
		return bad
	}
	return fmt.Errorf("%w: none is known (%s)", ErrUntrusted, strings.Join(k.files, ", "))
}

// Algorithms are those of the keys that are known of a host, so that it shows one of these.
func (k *Known) Algorithms(names []string) []string {
	for _, name := range names {
		if found := k.db.HostKeyAlgorithms(name); len(found) > 0 {
			return found
		}
	}
	return nil
}
