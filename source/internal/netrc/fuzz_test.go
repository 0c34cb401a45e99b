package netrc_test

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/source/internal/netrc"
)

// FuzzParse: no login is for a machine that the file does not name.
func FuzzParse(f *testing.F) {
	f.Add("machine example.org login ann password s3cret\n# comment\ndefault login x password y\nmacdef m\n machine a\n\nmachine b account c")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range netrc.Parse(text) {
			if !strings.Contains(text, l.Machine) || strings.ContainsAny(l.Machine, " \n") {
				t.Errorf("%q: a login for %q", text, l.Machine)
			}
		}
	})
}
