package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent/internal/signed"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/sshsig"
)

// validity of an agent's certificate. Enrolling again makes another.
const validity = 365 * 24 * time.Hour

// asking is what a node asks its seat for, granted what it gets. Their JSON is part of the protocol.
type asking struct {
	Key string `json:"key"` // public, PEM
}

type granted struct {
	Certificate string   `json:"certificate"`
	Authority   string   `json:"authority"`
	Operators   []string `json:"operators"` // lines of allowed signers
}

// Join is the node's part of enrolling: it says its public key, takes the certificate for it and who may give commands. Operators that were allowed before
// stay so. The private key does not leave the node.
func Join(dir string, in io.Reader, out io.Writer) error {
	if err := durable.OwnFolder(dir); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	key, err := ownKey(filepath.Join(dir, keyFile))
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	if err := json.NewEncoder(out).Encode(asking{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}); err != nil {
		return err
	}
	var g granted
	if err := json.NewDecoder(io.LimitReader(in, maxOperators)).Decode(&g); err != nil {
		return fmt.Errorf("agent: what the seat grants: %w", err)
	}
	lines, err := joined(filepath.Join(dir, operatorsFile), g.Operators)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	for _, f := range []struct{ name, text string }{{authorityFile, g.Authority}, {operatorsFile, lines}, {certFile, g.Certificate}} {
		if err := durable.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o644); err != nil {
			return fmt.Errorf("agent: %s: %w", f.name, err)
		}
	}
	_, _, err = credentials(dir)
	return err
}

// ownKey reads the node's key, and makes it where there is none.
func ownKey(name string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(name)
	if err == nil {
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%s: not a key", name)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if own, ok := key.(*ecdsa.PrivateKey); ok {
			return own, nil
		}
		return nil, errors.Join(fmt.Errorf("%s: not a key of an agent", name), err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, durable.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// joined adds lines to a file of allowed signers, each once.
func joined(name string, more []string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimRight(line, "\n"))
	}
	for _, line := range more {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	all := strings.Join(lines, "\n") + "\n"
	_, err = sshsig.Parse(name, all)
	return all, err
}

// Dismiss is the node's part of revoking: operators with these keys, each in the form of id_ed25519.pub, are allowed no more, from the next command on. It
// tells how many lines of allowed signers they had.
func Dismiss(dir string, keys []string) (taken int, err error) {
	name := filepath.Join(dir, operatorsFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("agent: %w", err)
	}
	var lines strings.Builder
	for line := range strings.Lines(string(text)) {
		if slices.ContainsFunc(keys, func(key string) bool { return holds(line, key) }) {
			taken++
			continue
		}
		lines.WriteString(line)
	}
	if taken == 0 {
		return 0, nil
	}
	if err := durable.WriteFile(name, []byte(lines.String()), 0o644); err != nil {
		return 0, fmt.Errorf("agent: %s: %w", operatorsFile, err)
	}
	return taken, nil
}

// holds tells whether a line of allowed signers is of a public key.
func holds(line, public string) bool {
	words, key := strings.Fields(line), strings.Fields(public)
	return len(key) > 1 && !strings.HasPrefix(line, "#") && slices.Contains(words, key[1])
}

// OperatorLine is a line of allowed signers for a public key in the form of id_ed25519.pub.
func OperatorLine(principal, public string) (string, error) {
	words := strings.Fields(public)
	if len(words) < 2 || strings.ContainsAny(principal, " \t\n\"") || principal == "" {
		return "", errors.New("not a public key, or not the name of an operator")
	}
	line := fmt.Sprintf("%s namespaces=%q %s %s", principal, signed.Namespace, words[0], words[1])
	_, err := sshsig.Parse("operator", line)
	return line, err
}

// Enroll is the seat's part, over ssh: command is Join of the program on the node. The certificate is for the node's name in the inventory.
func Enroll(ctx context.Context, c transport.Conn, node, command string, a *pki.Authority, operators []string) error {
	asked, say := io.Pipe()
	hear, answer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := grant(asked, answer, node, a, operators)
		asked.CloseWithError(io.ErrClosedPipe)
		answer.CloseWithError(err) // nil is the end of the input
		done <- err
	}()
	messages := output.NewCapture(1)
	exit, err := c.Run(ctx, transport.Command{Line: command, Script: true, Stdin: hear, Stdout: say, Stderr: messages})
	say.Close()
	hear.Close()
	granting := <-done
	switch {
	case err != nil:
		return err
	case exit.Code != 0:
		return &fleet.JobError{Err: fmt.Errorf("exit code %d: %.300s", exit.Code, bytes.TrimSpace(messages.Bytes()))}
	case granting != nil:
		return &fleet.JobError{Err: granting}
	}
	return nil
}

func grant(asked io.Reader, answer io.Writer, node string, a *pki.Authority, operators []string) error {
	line, err := bufio.NewReader(io.LimitReader(asked, maxGreeting)).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the node does not say its key: %w", err)
	}
	var ask asking
	if err := json.Unmarshal(line, &ask); err != nil {
		return fmt.Errorf("the node's key: %w", err)
	}
	block, _ := pem.Decode([]byte(ask.Key))
	if block == nil {
		return errors.New("the node's key: not in PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("the node's key: %w", err)
	}
	certificate, authority, err := a.SignServer(node, public, validity)
	if err != nil {
		return err
	}
	return json.NewEncoder(answer).Encode(granted{string(certificate), string(authority), operators})
}
