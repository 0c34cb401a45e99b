package resources

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"service.glusterd":                        {Type: "service", Title: "glusterd"},
		`file["/etc/hosts"]`:                      {Type: "file", Title: "/etc/hosts"},
		`file.conf["a.b"]`:                        {Type: "file", Title: "conf", Instance: `["a.b"]`},
		"file.conf[0]":                            {Type: "file", Title: "conf", Instance: "[0]"},
		`module.m.service.x`:                      {Module: "module.m", Type: "service", Title: "x"},
		`module.m["k.]"].module.n.file["a\"${b"]`: {Module: `module.m["k.]"].module.n`, Type: "file", Title: `a"${b`},
		"module.m":                                {Module: "module.m"},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := ParseAddress(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			again, err := ParseAddress(got.String())
			if err != nil || again != got {
				t.Errorf("%s is read back as %v, %v", got, again, err)
			}
		})
	}
}

func TestParseAddressErrors(t *testing.T) {
	for _, text := range []string{"", "file", "file.", "file..x", ".x", "file[", `file["x`, "file[x]", "file.a.b", "fi le.x", "module.m.file", `module["m"]`, `module["m"].file.x`,
		`file["x"]y`, `module.m[0]file.x`, "file[`x`]", "file.x.", "module.m.", "file[\"a\xff\"]"} {
		t.Run(text, func(t *testing.T) {
			if a, err := ParseAddress(text); err == nil {
				t.Errorf("want an error, got %#v", a)
			}
		})
	}
}

// FuzzParseAddress reads whatever text: an address that is accepted is written in a form that is read as the same address.
func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"service.glusterd", `file["/etc/hosts"]`, `module.m["k.]"].module.n.file["a\"$${b"]["x"]`, `module["m"]`, "file.x[0]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%s is read back as %#v, %v, not %#v", a, again, err, a)
		}
	})
}

func TestAttributeValues(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   any
		into AttrUnmarshaler
		want any
		bad  bool
	}{
		{"one string", "a", new(Strings), Strings{"a"}, false},
		{"list", []any{"a", 1.0}, new(Strings), Strings{"a", "1"}, false},
		{"map is no list", map[string]any{}, new(Strings), nil, true},
		{"boolean", true, new(Scalar), Scalar("true"), false},
		{"duration", "90s", new(Duration), Duration(90 * time.Second), false},
		{"seconds", 1.5, new(Duration), Duration(1500 * time.Millisecond), false},
		{"seconds in a string", "5", new(Duration), Duration(5 * time.Second), false},
		{"negative", -1.0, new(Duration), nil, true},
		{"not a number", "NaN", new(Duration), nil, true},
		{"too long", 1e300, new(Duration), nil, true},
		{"no duration", "soon", new(Duration), nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.into.UnmarshalAttr(tc.in)
			if (err != nil) != tc.bad {
				t.Fatalf("error: %v", err)
			}
			if tc.bad {
				return
			}
			var got any
			switch v := tc.into.(type) {
			case *Strings:
				got = *v
			case *Scalar:
				got = *v
			case *Duration:
				got = *v
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Mistakes are all told, each with its attribute; without one there is no error.
func TestMistakes(t *testing.T) {
	var bad Mistakes
	bad.Add("a", nil)
	bad.OneOf("b", "on", "on", "off")
	if err := bad.Err(); err != nil {
		t.Errorf("no mistake is an error: %v", err)
	}
	bad.Add("a", errors.New("too long"))
	bad.OneOf("b", "maybe", "on", "off")
	bad.OneOf("b", "maybe", "on", "off", "mask")
	bad.Addf("c", "%d of %d", 3, 2)
	if diff := cmp.Diff("a: too long\nb: want on or off, not \"maybe\"\nb: want on, off or mask, not \"maybe\"\nc: 3 of 2", bad.Err().Error()); diff != "" {
		t.Error(diff)
	}
	var attr *AttrError
	if !errors.As(bad.Err(), &attr) || attr.Attribute() != "a" {
		t.Errorf("its attribute is not named: %+v", attr)
	}
}
