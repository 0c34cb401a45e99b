package netrc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []Login
	}{
		{"one line", "machine a login u password p", []Login{{"a", "u", "p"}}},
		{"many lines", "machine a\nlogin u\npassword p\nmachine b login v password \"q\"\n", []Login{{"a", "u", "p"}, {"b", "v", "q"}}},
		{"account and comments", "# mine\nmachine a login u account x password p # not a comment\n", []Login{{"a", "u", "p"}}},
		{"a password with a hash", "machine a login u password #p", []Login{{"a", "u", "#p"}}},
		{"macros", "machine a login u password p\nmacdef init\nmachine b login v password q\n\nmachine c login w password r\n",
			[]Login{{"a", "u", "p"}, {"c", "w", "r"}}},
		{"default", "default login u password p\nmachine a login v password q\n", []Login{{"a", "v", "q"}}},
		{"nothing", "", []Login{}},
		{"cut", "machine", []Login{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Parse(tt.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
