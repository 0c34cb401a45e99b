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
