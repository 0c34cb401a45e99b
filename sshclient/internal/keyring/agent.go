package keyring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Bounds of the wait for an agent: for a signature it may be asking its owner; what it holds it says at once, or hangs, and then the keys in files must still
// have the time in which a node is to be connected.
const (
	agentPatience = 10 * time.Second
	listPatience  = 3 * time.Second
)

// held is what an agent holds.
type held struct {
	signers []ssh.Signer
	told    string   // what came of it
	conn    net.Conn // nil where it is not there
}

// agent are the keys of the agent at a socket, asked for once.
func (k *Keyring) agent(ctx context.Context, socket string) *held {
	h, ok := k.agents[socket]
	if !ok {
		h = ask(ctx, socket)
		k.agents[socket] = h
	}
	return h
}

func ask(ctx context.Context, socket string) *held {
	if socket == "" {
		return &held{told: "no agent"}
	}
	conn, err := (&net.Dialer{Timeout: listPatience}).DialContext(ctx, "unix", socket)
	if err != nil {
		return &held{told: fmt.Sprintf("agent: %v", err)}
	}
	return list(conn)
}

// list asks an agent what it holds.
func list(conn net.Conn) *held {
	h := &held{conn: conn}
	err := conn.SetDeadline(time.Now().Add(listPatience))
	if err == nil {
		h.signers, err = agent.NewClient(conn).Signers()
	}
	switch {
	case err != nil:
		h.told = fmt.Sprintf("agent: %v", err)
	case len(h.signers) == 0:
		h.told = "the agent holds no key, or is locked"
	default:
		h.told = fmt.Sprintf("%d keys of the agent", len(h.signers))
		for i, s := range h.signers {
			if a, ok := s.(ssh.AlgorithmSigner); ok {
				h.signers[i] = &patient{a, conn}
			}
		}
	}
	return h
}

// patient is a key of the agent. Its owner may be asked at each use: that has its time too.
type patient struct {
	ssh.AlgorithmSigner
	conn net.Conn
}

// Sign signs.
func (p *patient) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return p.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm signs.
func (p *patient) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if err := p.conn.SetDeadline(time.Now().Add(agentPatience)); err != nil {
		return nil, err
	}
	return p.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// Close lets go of the agents.
func (k *Keyring) Close() (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.agents {
		if h.conn != nil {
			err = errors.Join(err, h.conn.Close())
		}
	}
	return err
}
