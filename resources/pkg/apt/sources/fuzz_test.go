package sources

import (
	"strings"
	"testing"
)

// FuzzEntries: the name of a list is one name in its folder, whatever stands in a source.
func FuzzEntries(f *testing.F) {
	f.Add("deb [arch=amd64 signed-by=/x] https://u:p@example.org/debian/ bookworm main\n# deb x y\n")
	f.Add("Types: deb deb-src\nURIs: http://a/../b file:/srv\nSuites: x/ /\n\nTypes: deb\nEnabled: no\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range append(ParseList(text), parseSources(text)...) {
			if name := e.listPrefix(); strings.Contains(name, "/") {
				t.Errorf("%+v: %q", e, name)
			}
		}
	})
}
