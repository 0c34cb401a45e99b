package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSeen(t *testing.T) {
	for name, test := range map[string]struct{ text, version, last string }{
		"nothing":           {"", "", ""},
		"never ran":         {"apply v1 linux/amd64\n", "v1 linux/amd64", ""},
		"with its last run": {"apply v1\n{\"run\":\"01X\",\"manifest\":\"main.hcl\"}\n", "v1", "01X main.hcl"},
		"anything":          {"motd\n{\"run\":", "motd", ""},
		"another object":    {"apply v1\n{\"x\":1}\n", "v1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, last := parseSeen([]byte(test.text)), ""
			if got.last != nil {
				last = got.last.Run + " " + got.last.Manifest
			}
			if diff := cmp.Diff([]string{test.version, test.last}, []string{got.version, last}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
