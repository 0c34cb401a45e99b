package shell

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for want, argv := range map[string][]string{"a | b": {"a | b"}, `echo 'a b' 'it'\''s' '' -x`: {"echo", "a b", "it's", "", "-x"}} {
		if diff := cmp.Diff(want, Line(argv)); diff != "" {
			t.Error(diff)
		}
	}
}
