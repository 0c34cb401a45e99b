package repofile

import (
	"fmt"
	"regexp"
)

// grammars are the attributes whose values have one with every provider that has them: dnf passes over what it cannot read, and apt reads no repository
// at all beside one of no type or with a URI that is none.
var grammars = map[string]struct {
	form *regexp.Regexp
	want string
}{
	"types":           {regexp.MustCompile(`^deb(-src)?$`), "deb or deb-src"},
	"uris":            {regexp.MustCompile(`^[^\s:]+:\S*(\s+[^\s:]+:\S*)*$`), "a URI such as https://deb.example.org/debian"},
	"priority":        {regexp.MustCompile(`^-?[0-9]+$`), "a whole number or absent"},
	"cost":            {regexp.MustCompile(`^[0-9]+$`), "a whole number or absent"},
	"metadata_expire": {regexp.MustCompile(`^(never|-1|[0-9]+(\.[0-9]+)?[smhdwSMHDW]?)$`), "seconds, a number with s, m, h, d or w behind it, never or absent"},
}

// Value says what is wrong with a value of an attribute, whichever provider's files it is for.
func Value(attr, value string) error {
	if g, ok := grammars[attr]; ok && !g.form.MatchString(value) {
		return fmt.Errorf("want %s, not %q", g.want, value)
	}
	if isBoolean := aptKeys[attr].kind == boolean || zypperKeys[attr].kind == boolean; isBoolean && word(value) == "" {
		return fmt.Errorf("want a boolean or absent, not %q", value)
	}
	return nil
}
