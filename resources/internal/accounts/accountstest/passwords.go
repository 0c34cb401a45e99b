package accountstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

func (f *fake) chpasswd(o options, _ string, c host.Cmd) error {
	var b strings.Builder
	buf := make([]byte, 4096)
	n, err := c.Stdin.Read(buf)
	if err != nil {
		return err
	}
	b.Write(buf[:n])
	name, hash, ok := strings.Cut(strings.TrimSuffix(b.String(), "\n"), ":")
	if !ok || !slices.Contains(c.Args, "-e") {
		return fmt.Errorf("line 1: missing new password (%v)", o)
	}
	return f.chpassword(name, hash)
}

// chpassword sets a password where the real ones do: in /etc/shadow, and in /etc/passwd where it is there already.
func (f *fake) chpassword(name, hash string) error {
	var within bool
	if err := f.edit("passwd", name, func(e []string) []string {
		if within = e[1] != "x"; within {
			e[1] = hash
		}
		return e
	}); err != nil {
		return err
	}
	if !f.has("shadow", name) {
		if within && hash != "x" {
			return nil
		}
		return f.write("shadow", append(f.read("shadow"), []string{name, hash, "20000", "", "", "", "", "", ""}))
	}
	return f.edit("shadow", name, func(e []string) []string { e[1], e[2] = hash, "20000"; return e })
}

func (f *fake) chage(o options, name string, _ host.Cmd) error {
	return f.edit("shadow", name, func(e []string) []string {
		for i, option := range []string{"-d", "-m", "-M", "-W", "-I"} {
			if value, given := o[option]; given {
				e[2+i] = strings.TrimPrefix(value, "-1")
			}
		}
		return e
	})
}
