package address

import (
	"testing"

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
			got, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			again, err := Parse(got.String())
			if err != nil || again != got {
				t.Errorf("%s is read back as %v, %v", got, again, err)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"", "file", "file.", "file..x", ".x", "file[", `file["x`, "file[x]", "file.a.b", "fi le.x", "module.m.file", `module["m"]`, `module["m"].file.x`,
		`file["x"]y`, `module.m[0]file.x`, "file[`x`]", "file.x.", "module.m.", "file[\"a\xff\"]"} {
		t.Run(text, func(t *testing.T) {
			if a, err := Parse(text); err == nil {
				t.Errorf("want an error, got %#v", a)
			}
		})
	}
}

// FuzzParse reads whatever text: an address that is accepted is written in a form that is read as the same address.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"service.glusterd", `file["/etc/hosts"]`, `module.m["k.]"].module.n.file["a\"$${b"]["x"]`, `module["m"]`, "file.x[0]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(a.String()); err != nil || again != a {
			t.Errorf("%s is read back as %#v, %v, not %#v", a, again, err, a)
		}
	})
}

func TestSteps(t *testing.T) {
	for path, want := range map[string][]Step{
		"":             nil,
		"module.a":     {{"module.a", "a", ""}},
		"module.a[10]": {{"module.a[10]", "a", "[10]"}},
		`module.a["x"].module.b`: {
			{`module.a["x"]`, "a", `["x"]`}, {`module.a["x"].module.b`, "b", ""},
		},
		`module.a["x].module.y[\"\\"].module.b[0]`: {
			{`module.a["x].module.y[\"\\"]`, "a", `["x].module.y[\"\\"]`}, {`module.a["x].module.y[\"\\"].module.b[0]`, "b", "[0]"},
		},
	} {
		if diff := cmp.Diff(want, Steps(path)); diff != "" {
			t.Errorf("%s: want -, got +:\n%s", path, diff)
		}
	}
}
