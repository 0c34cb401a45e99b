package authkey

import "testing"

// FuzzParse: a line of a user's file is read as it is written again.
func FuzzParse(f *testing.F) {
	f.Add(sample + " ann@home")
	f.Add(`from="10.0.0.0/8,*.example.org",no-pty,command="say \"x\"" ` + sample)
	f.Add("sk-ssh-ed25519@openssh.com AAAA x")
	f.Fuzz(func(t *testing.T, line string) {
		e, err := parse(line)
		if err != nil {
			return
		}
		again, err := parse(e.String())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", line, e, err)
		}
		if again.String() != e.String() || !again.has(e.key) {
			t.Errorf("%q is read from %q as %q", again, e, line)
		}
	})
}
