// Package signed is what an operator signs so that a node's agent does it, and how the node judges that: it is an operator's, for this node, this boot and this
// minute, and was not given before.
package signed

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshsig"
)

// Namespace is that of the operators' signatures.
const Namespace = "apply-agent"

// window is how old a command may be by the node's clock, which its seat was told; in the other direction it allows for a clock that was set.
const window = time.Minute

// Statement is what an operator signs. Its JSON is part of the protocol.
type Statement struct {
	Node    string    `json:"node"`
	Boot    string    `json:"boot"`
	Nonce   string    `json:"nonce"`
	Time    time.Time `json:"time"` // by the node's clock
	Line    string    `json:"line"` // for the user's shell
	GraceMS int64     `json:"grace_ms"`
}

// Envelope is a statement as it is sent: signed are the bytes of Statement.
type Envelope struct {
	Statement string `json:"statement"`
	Signature string `json:"signature"`
}

// Greeting is what a node says of itself to its seat.
type Greeting struct {
	Node string    `json:"node"`
	Boot string    `json:"boot"`
	Time time.Time `json:"time"`
	Keys []string  `json:"keys"` // fingerprints of those that are allowed
}

// Sign makes a command for a node that has greeted.
func Sign(g Greeting, now time.Time, line string, grace time.Duration, key ssh.Signer) (Envelope, error) {
	text, err := json.Marshal(Statement{Node: g.Node, Boot: g.Boot, Nonce: rand.Text(), Time: now, Line: line, GraceMS: grace.Milliseconds()})
	if err != nil {
		return Envelope{}, err
	}
	signature, err := sshsig.Sign(text, Namespace, key)
	return Envelope{string(text), signature}, err
}

// Judge decides which commands are an operator's, new and for this node.
type Judge struct {
	Node, Boot string
	Since      time.Time // of the judge: it does not know what was said before
	Signers    func() (*sshsig.Signers, error)
	Now        func() time.Time // is not moved by setting this machine's clock, which decides how long keys are allowed

	mu   sync.Mutex
	seen map[string]time.Time // nonces, to the time when they count no longer
}

// maxNonces bounds what a judge keeps in mind.
const maxNonces = 1 << 16

// Reasons for a refusal.
var (
	errReplayed = errors.New("replayed: this command was given before")
	errStale    = errors.New("replayed: signed at another time")
)

// Judge returns what is to be done and who wants it. The signer is also returned with an error, as far as it is known.
func (j *Judge) Judge(e Envelope) (Statement, sshsig.Signer, error) {
	var s Statement
	signers, err := j.Signers()
	if err != nil {
		return s, sshsig.Signer{}, err
	}
	now := j.Now()
	who, err := signers.Verify([]byte(e.Statement), e.Signature, Namespace, time.Now())
	if err != nil {
		return s, who, err
	}
	if err := json.Unmarshal([]byte(e.Statement), &s); err != nil {
		return s, who, fmt.Errorf("statement: %w", err)
	}
	switch {
	case s.Node != j.Node:
		return s, who, fmt.Errorf("signed for node %q, this is %q", s.Node, j.Node)
	case s.Boot != j.Boot:
		return s, who, errors.New("replayed: signed for another boot of this node")
	case s.Time.Before(j.Since) || s.Time.Before(now.Add(-window)) || s.Time.After(now.Add(window)):
		return s, who, errStale
	case s.Nonce == "":
		return s, who, errors.New("statement: without a nonce")
	}
	return s, who, j.once(s.Nonce, now)
}

// once refuses a nonce that it has seen.
func (j *Judge) once(nonce string, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.seen[nonce]; ok {
		return errReplayed
	}
	if len(j.seen) >= maxNonces {
		for n, until := range j.seen {
			if now.After(until) {
				delete(j.seen, n)
			}
		}
		if len(j.seen) >= maxNonces {
			return fmt.Errorf("over the limit of %d commands in %v", maxNonces, 2*window)
		}
	}
	if j.seen == nil {
		j.seen = map[string]time.Time{}
	}
	j.seen[nonce] = now.Add(2 * window)
	return nil
}
