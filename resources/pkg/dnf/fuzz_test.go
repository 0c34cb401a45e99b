package dnf

import (
	"context"
	"testing"

	"github.com/nodeapply/apply/host"
)

// says is a node on which every command prints the same.
type says struct {
	host.View
	text string
}

func (s says) Query(context.Context, host.Cmd) (host.Output, error) {
	return host.Output{Stdout: []byte(s.text)}, nil
}

// FuzzRepoquery: nothing that dnf prints, and no list of locks, ends the program, and what is on offer has a version of those that it listed.
func FuzzRepoquery(f *testing.F) {
	f.Add("tool x86_64 0:1.0-1\ntool i686 (none):1.0-1\nother noarch 1:2.0-3.el9\n")
	f.Add("tool-0:1.0-1.*\n!tool-0:2.0-1.*\n# x\n-\n")
	f.Add("[[packages]]\nname = \"tool\"\nname=\"\"\n")
	f.Add("Waiting for process with pid 12 to finish.\n metadata already locked by 9\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = locked(host.Output{ExitCode: 1, Stdout: []byte(text)})
		if names := lockedNames(text, text); names[""] {
			t.Errorf("a package without a name is locked: %q", text)
		}
		offers, err := driver{program: "dnf"}.Offers(t.Context(), says{text: text}, []string{"tool", "other"}, false)
		for name, o := range offers {
			if err != nil || (o.Candidate == "") != (len(o.Versions) == 0) {
				t.Errorf("%s: %+v, %v", name, o, err)
			}
		}
	})
}
