package hostkeys

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A line that cannot be read keeps from no other host, and makes none known.
func TestLegible(t *testing.T) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(known))
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"a new kind of key": "other ssh-new AAAAB3Nza\n", "protocol 1": "other 1024 35 12345\n", "no key": "other\r\n", "no base64": "other ssh-rsa !!!\n",
		"an unknown marker": "@new other " + known + "\n", "the last line cut short": "other ssh-ed25519 AAAAC3N", "fine": "third " + known + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "none")}
			for i, text := range []string{line, "# mine\nnode1 " + known + "\n"} {
				if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			k, err := NewFiles().Known(files, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Check([]string{"node1:22"}, key); err != nil {
				t.Error(err)
			}
			if err := k.Check([]string{"other:22"}, key); err == nil {
				t.Error("a line that cannot be read makes a host known")
			}
		})
	}
}
