package signed

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/sshsig"
)

// TestOwnClock: commands are timed by the judge's own clock, however wrong it is, and keys are allowed by the machine's.
func TestOwnClock(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for from, ok := range map[string]bool{"20200101": true, "29990101": false} {
		signers, err := sshsig.Parse("signers", fmt.Sprintf("op valid-after=%q %s", from, ssh.MarshalAuthorizedKey(key.PublicKey())))
		if err != nil {
			t.Fatal(err)
		}
		j := &Judge{Node: "n1", Boot: "b", Since: now, Now: func() time.Time { return now }, Signers: func() (*sshsig.Signers, error) { return signers, nil }}
		for late, fresh := range map[time.Duration]bool{0: true, window + time.Second: false} {
			e, err := Sign(Greeting{Node: "n1", Boot: "b"}, now.Add(late), "true", 0, key)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := j.Judge(e); (err == nil) != (ok && fresh) {
				t.Errorf("a key that is allowed from %s, a command %v late: %v", from, late, err)
			}
		}
	}
}

// TestStatement: what an operator has signed is for this node, this boot and once, or it is refused.
func TestStatement(t *testing.T) {
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	signers, err := sshsig.Parse("signers", "op "+string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	j := &Judge{Node: "n1", Boot: "b", Since: now.Add(-time.Second), Now: func() time.Time { return now }, Signers: func() (*sshsig.Signers, error) { return signers, nil }}
	for _, tt := range []struct{ name, text, want string }{ // in this order
		{"good", `{"node":"n1","boot":"b","nonce":"1","time":"2030-01-01T00:00:00Z"}`, ""},
		{"again", `{"node":"n1","boot":"b","nonce":"1","time":"2030-01-01T00:00:00Z","line":"true"}`, "given before"},
		{"another", `{"node":"n1","boot":"b","nonce":"2","time":"2030-01-01T00:00:00Z"}`, ""},
		{"without a nonce", `{"node":"n1","boot":"b","time":"2030-01-01T00:00:00Z"}`, "without a nonce"},
		{"another node", `{"node":"n2","boot":"b","nonce":"3","time":"2030-01-01T00:00:00Z"}`, `signed for node "n2", this is "n1"`},
		{"another boot", `{"node":"n1","boot":"a","nonce":"4","time":"2030-01-01T00:00:00Z"}`, "another boot"},
		{"before the agent was there", `{"node":"n1","boot":"b","nonce":"5","time":"2029-12-31T23:59:58Z"}`, "another time"},
		{"ahead", `{"node":"n1","boot":"b","nonce":"6","time":"2030-01-01T00:01:01Z"}`, "another time"},
		{"no statement", `true`, "statement: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signature, err := sshsig.Sign([]byte(tt.text), Namespace, key)
			if err != nil {
				t.Fatal(err)
			}
			_, who, err := j.Judge(Envelope{tt.text, signature})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || who.Principals != "op" {
				t.Errorf("want %q, got %v, signed by %q", tt.want, err, who.Principals)
			}
		})
	}
}

func TestForgottenNoncesAreOld(t *testing.T) {
	now := time.Now()
	j := &Judge{Now: func() time.Time { return now }, seen: map[string]time.Time{}}
	for i := range maxNonces {
		j.seen[strconv.Itoa(i)] = now.Add(time.Minute)
	}
	if err := j.once("new", now); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("want the limit, got %v", err)
	}
	if err := j.once("new", now.Add(2*time.Minute)); err != nil {
		t.Error(err)
	}
}
