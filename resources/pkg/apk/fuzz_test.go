package apk

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/resources/pkg/manager"
)

// FuzzRead: neither the database nor what apk says of policies ends the program.
func FuzzRead(f *testing.F) {
	f.Add("P:musl\nV:1.2.3-r4\nA:x86_64\np:so:libc.so=1 cmd:x\n\nP:b\n")
	f.Add("busybox policy:\n  1.36.1-r5:\n    lib/apk/db/installed\n    https://example.org/main\n    @edge https://example.org\n")
	f.Add("a policy:\n  1:\n     \n")
	f.Fuzz(func(t *testing.T, text string) {
		if err := readInstalled(strings.NewReader(text), func(manager.Package) {}); err != nil {
			t.Error(err)
		}
		for name, o := range parsePolicy(text) {
			if (o.Candidate == "") != (len(o.Versions) == 0) {
				t.Errorf("%s: %+v", name, o)
			}
		}
		_ = pinned(text)
	})
}
