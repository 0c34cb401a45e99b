package hostkeys

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

const known = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN0cmFuZ2VyIHN0cmFuZ2VyIHN0cmFuZ2VyISEhISEh"

// FuzzKnown: no file of known hosts ends the program, and none makes a host known by a key that it does not hold.
func FuzzKnown(f *testing.F) {
	f.Add("node1 " + known + "\n")
	f.Add("# c\n[node1]:2222,10.0.0.1 " + known + " comment\n@revoked * " + known + "\n")
	f.Add("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= " + known + "\n@cert-authority *.x " + known)
	f.Add("node1 ssh-new AAAA\n\n*,!node1 ssh-rsa !\n")
	other, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())
	if err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(f.TempDir(), "known_hosts")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := NewFiles().Known([]string{file}, "")
		if err != nil {
			return
		}
		names := []string{"node1:22", "node1:2222"}
		_ = k.Algorithms(names)
		if err := k.Check(names, other); err == nil {
			t.Errorf("a stranger's key is known by %q", text)
		}
	})
}
