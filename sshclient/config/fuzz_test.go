package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead: no configuration of a user ends the program.
func FuzzRead(f *testing.F) {
	f.Add("Host a !b *.c\n  User=\"ann b\"\n Port 22\nMatch all\n\tProxyJump x # y\nInclude config.d/*\n", "a")
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
		_, _, _ = c.First([]string{name}, "user"), c.All([]string{name, "a"}, "port"), c.FirstLine([]string{name}, "identityfile")
	})
}
