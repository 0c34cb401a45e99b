package host_test

import (
	"os/exec"
	"testing"

	"github.com/nodeapply/apply/host"
)

func TestShellWord(t *testing.T) {
	for s, want := range map[string]string{"": "''", "/a-b_c.d:1=2,@%+": "/a-b_c.d:1=2,@%+", "a b": "'a b'", "it's": `'it'\''s'`, "$x\n`~*é": "'$x\n`~*é'"} {
		got := host.ShellWord(s)
		if got != want {
			t.Errorf("%q: want %s, got %s", s, want, got)
		}
		if read, err := exec.Command("sh", "-c", "printf %s "+got).Output(); string(read) != s || err != nil {
			t.Errorf("a shell reads %s as %q: %v", got, read, err)
		}
	}
}
