package rpmdb

import "testing"

// FuzzParse: no list of packages ends the program.
func FuzzParse(f *testing.F) {
	f.Add("bash\tx86_64\t0:5.1-2\tbash config(bash) \nglibc\ti686\t(none):2.34-1\t\nglibc\tx86_64\t1:2.34-2\tlibc.so.6()(64bit)\n")
	f.Fuzz(func(_ *testing.T, text string) { _ = parse(text, map[string]bool{"bash": true}).Find("bash") })
}
