package preferences

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPinAttr(t *testing.T) {
	for name, tt := range map[string]struct {
		in   any
		want Pin
		err  bool
	}{
		"number":  {900.0, Pin{Packages: "*", Priority: "900"}, false},
		"absent":  {"absent", Pin{Packages: "*", Priority: Absent}, false},
		"map":     {map[string]any{"priority": -1.0, "release": "a=sid", "packages": "nginx"}, Pin{Packages: "nginx", Pin: "release a=sid", Priority: "-1"}, false},
		"origin":  {map[string]any{"priority": "5", "origin": "h"}, Pin{Packages: "*", Pin: `origin "h"`, Priority: "5"}, false},
		"two":     {map[string]any{"priority": 1.0, "origin": "h", "release": "a"}, Pin{}, true},
		"no name": {"high", Pin{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var p Pin
			err := p.UnmarshalAttr(tt.in)
			if (err != nil) != tt.err {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, p); !tt.err && d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEdit(t *testing.T) {
	const more = "# kept\nExplanation: why\nPackage: *\nPin: origin m\nPin-Priority: 500\n\nPackage: foo\nPin: version 1\nPin-Priority: 1\n"
	for name, tt := range map[string]struct {
		text string
		pin  Pin
		want string
	}{
		"new":     {"", Pin{Packages: "*", Priority: "1"}, "Package: *\nPin: origin \"host\"\nPin-Priority: 1\n"},
		"in file": {more, Pin{Packages: "*", Pin: "release a=b", Priority: "500"}, "# kept\nExplanation: why\nPackage: *\nPin: release a=b\nPin-Priority: 500\n\nPackage: foo\nPin: version 1\nPin-Priority: 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.pin.Edit(tt.text, "host")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.pin.Line("host"), Line(got)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(&tt.pin, Parse(got, "host")); d != "" {
				t.Error(d)
			}
		})
	}
	if Line("") != Absent || Parse("", "host") != nil || Parse("Package: *\nPin: nonsense\nPin-Priority: 1\n", "host") != nil {
		t.Error("a rule where there is none that can be declared")
	}
}
