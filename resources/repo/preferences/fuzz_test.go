package preferences

import "testing"

// FuzzParse: a file that declares a rule, written anew by that rule, declares the same.
func FuzzParse(f *testing.F) {
	f.Add("Package: *\nPin: origin \"example.org\"\nPin-Priority: 900\n", "example.org")
	f.Add("Explanation: x\nPackage: a b\nPin: release a=stable,\n n=x\nPin-Priority: -1\n\nPackage: c\n", "")
	f.Fuzz(func(t *testing.T, text, host string) {
		p := Parse(text, host)
		if p == nil {
			return
		}
		again := Parse(p.Edit(text, host), host)
		if again == nil || *again != *p {
			t.Errorf("%+v is written so that it reads %+v", p, again)
		}
	})
}
