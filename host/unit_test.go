package host

import (
	"strings"
	"testing"
)

func TestUnitName(t *testing.T) {
	for name, want := range map[string]string{
		"ssh": "ssh.service", "ssh.socket": "ssh.socket", "getty@tty1": "getty@tty1.service", "a.b": "a.b.service",
		`dev-disk\x2da.device`: `dev-disk\x2da.device`, "": "", ".socket": "", "-f": "", "a/b": "", "a b": "",
		strings.Repeat("n", 247): strings.Repeat("n", 247) + ".service", strings.Repeat("n", 248): "",
	} {
		got, err := UnitName(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: want %q, got %q, %v", name, want, got, err)
		}
	}
}
