package nodeset_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/nodeset"
)

func groups(name string) ([]string, bool) {
	g := map[string][]string{"storage": {"n02", "n03"}, "all": {"n01", "n02", "n03", "n04"}, "none": {}}
	names, ok := g[name]
	return names, ok
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"one", "n1", "n1"},
		{"padded range", "n[008-011]", "n008 n009 n010 n011"},
		{"range and list", "n[01-03,05]", "n01 n02 n03 n05"},
		{"step", "n[0-6/3]", "n0 n3 n6"},
		{"unpadded grows", "n[9-11]", "n9 n10 n11"},
		{"two brackets", "r[1-2]n[1-2].lan", "r1n1.lan r1n2.lan r2n1.lan r2n2.lan"},
		{"comma list keeps order, once", "b,a,b", "b a"},
		{"blanks", " a  b\nc ", "a b c"},
		{"group", "@storage", "n02 n03"},
		{"all", "@*", "n01 n02 n03 n04"},
		{"group without nodes", "@none", ""},
		{"minus", "n[01-04]!n02", "n01 n03 n04"},
		{"comma minus", "n[01-04],!n02", "n01 n03 n04"},
		{"intersection", "@all&n[03-09]", "n03 n04"},
		{"left to right", "n01,n02&n02,n03!@storage", ""},
		{"addresses", "10.0.0.[1-2],fe80::1", "10.0.0.1 10.0.0.2 fe80::1"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := nodeset.Parse(tt.text, groups)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChange(t *testing.T) {
	base := []string{"n1", "n2", "n3"}
	for text, want := range map[string]string{"!n2": "n1 n3", "&n[2-9]": "n2 n3", "n4": "n1 n2 n3 n4"} {
		got, err := nodeset.Change(base, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		syntax     bool
	}{
		{"n[1-", "not closed", true},
		{"n1]", "does not belong", true},
		{"n[[1]]", "does not belong", true},
		{"n[3-1]", "ends before it begins", true},
		{"n[01-2]", "same number of digits", true},
		{"n[1-03]", "same number of digits", true},
		{"n[a-b]", "not a number", true},
		{"n[]", "not a number", true},
		{"n[1-3/0]", "step of 0", true},
		{"n1!", "ends after", true},
		{"-n1", "host name", true},
		{"n;reboot", "host name", true},
		{"n[1-999999]", "limit", true},
		{"n[1-999][1-999]", "limit", false},
		{"@storag", "no such group", false},
	} {
		_, err := nodeset.Parse(tt.text, groups)
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, nodeset.ErrSyntax) != tt.syntax {
			t.Errorf("%s: want an error with %q, syntax %v; got %v", tt.text, tt.want, tt.syntax, err)
		}
	}
}

func TestFold(t *testing.T) {
	for _, tt := range []struct{ name, names, want string }{
		{"gap", "n05 n01 n02 n03", "n[01-03,05]"},
		{"single", "web", "web"},
		{"no numbers", "b a", "a,b"},
		{"natural order", "n10 n9 n1", "n[1,9-10]"},
		{"widths stay apart", "n1 n01 n2", "n[1,01,2]"},
		{"padding overflows", "n099 n100", "n[099-100]"},
		{"last number", "r1n1 r1n2 r2n1", "r1n[1-2],r2n1"},
		{"addresses", "10.0.0.2 10.0.0.1 fe80::1 fe80::2", "10.0.0.[1-2],fe80::1,fe80::2"},
		{"once", "a a", "a"},
		{"none", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, nodeset.Fold(strings.Fields(tt.names))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]int{"10%": 2, "1": 1, "100%": 11, "0": 0, "90%": 10} {
		if got, err := nodeset.Share(text, 11); err != nil || got != want {
			t.Errorf("%s of 11: want %d, got %d, %v", text, want, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "101%", "1.5", "NaN%", "1e1", "0x1%", "Inf"} {
		if _, err := nodeset.Share(text, 11); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

// FuzzParse: whatever is read is folded and read back as the same set, and nothing but names comes out.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"n[001-128],!n07", "@all&n[1-3]", "r[1-2]n[1-4/2].lan", "n[1-", "[0-9],00,0", "a0[1]b", "fe80::1", "1,01,2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := nodeset.Parse(text, groups)
		if err != nil {
			return
		}
		for _, n := range names {
			if err := nodeset.Check(n); err != nil {
				t.Fatal(err)
			}
		}
		folded := nodeset.Fold(names)
		again, err := nodeset.Parse(folded, groups)
		if err != nil {
			t.Fatalf("%q folds to %q: %v", text, folded, err)
		}
		slices.Sort(names)
		slices.Sort(again)
		if diff := cmp.Diff(names, again); len(names)+len(again) > 0 && diff != "" {
			t.Fatalf("%q folds to %q: %s", text, folded, diff)
		}
	})
}
