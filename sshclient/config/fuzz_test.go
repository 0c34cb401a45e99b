package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead: no configuration of a user ends the program.
func FuzzRead(f *testing.F) {
	f.Add("Host a !b *.c\n  User=\"ann b\"\n Port 22\nMatch all\n\tProxyJump x # y\nInclude config.d/*\n", "a")
	f.Add("Match user ann,!bob host=a !exec \"x y\"\nPort 1\nMatch final all\nHost a\\\"b\nUser 'c d'\n", "a")
	f.Add("Host *\nHostName %h.example.org\nIdentityFile ~/.ssh/%r", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		dir := t.TempDir()
		file := filepath.Join(dir, "config")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Read(dir, file)
		if err != nil {
			return
		}
		for _, h := range []Host{{Name: name}, {Name: "b", Address: name, User: "ann"}} {
			if s, err := c.For(h); err == nil {
				_, _, _ = s.First("user"), s.All("identityfile"), s.FirstLine("userknownhostsfile")
			}
		}
	})
}
