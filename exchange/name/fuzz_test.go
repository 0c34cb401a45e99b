package name

import "testing"

// FuzzParse: a key that others send is read as it is written, or refused.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"facts/default/node1.example.org/ready", "facts/d/n/.limit/x", "facts/d/n/.node", "facts/d/n/.run", "facts/d/.params/p", "facts//n/x", "facts/d/../x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := Parse(s); err == nil && k.String() != s {
			t.Errorf("%q is read as %q", s, k)
		}
	})
}
