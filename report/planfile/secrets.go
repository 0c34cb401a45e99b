package planfile

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"strings"

	"github.com/nodeapply/apply/report"
)

// rounds is how many rounds of a hash all secrets of a plan cost together, some tenths of a second: who finds a plan and tries out passwords pays that for each.
const rounds = 400_000

// secrets tell changes of sensitive values from others, and no value.
type secrets struct {
	Salt   []byte            `json:"salt,omitempty"`
	Rounds int               `json:"rounds,omitempty"`
	Keys   map[string][]byte `json:"keys,omitempty"` // by address
}

// secretsOf derives a key from what of each result nobody sees.
func secretsOf(results []*report.Result) *secrets {
	texts := map[string]string{}
	for _, r := range results {
		if text := unseen(r); text != "" {
			texts[r.Address.String()] = text
		}
	}
	if len(texts) == 0 {
		return &secrets{}
	}
	s := &secrets{Salt: make([]byte, 16), Rounds: max(rounds/len(texts), 1), Keys: map[string][]byte{}}
	_, _ = rand.Read(s.Salt) // it never fails
	for address, text := range texts {
		s.Keys[address] = s.key(text)
	}
	return s
}

// unseen is what of the changes of a result nobody sees, "" if there is nothing.
func unseen(r *report.Result) string {
	var b strings.Builder
	for _, c := range r.Changes {
		b.WriteString(c.Hidden)
	}
	return b.String()
}

// key derives one; nil of a file that asks for what Encode never writes, which is then as if all had drifted.
func (s *secrets) key(text string) []byte {
	key, err := pbkdf2.Key(sha256.New, text, s.Salt, min(s.Rounds, rounds), sha256.Size)
	if err != nil {
		return nil
	}
	return key
}

// same says whether nothing that nobody sees differs from what was planned at an address.
func (s *secrets) same(address string, now *report.Result) bool {
	text, then := unseen(now), s.Keys[address]
	if text == "" || then == nil {
		return text == "" && then == nil
	}
	return bytes.Equal(s.key(text), then)
}
