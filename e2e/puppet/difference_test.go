package puppet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A harness that cannot tell two verdicts apart would find everything to be as in Puppet.
func TestDifference(t *testing.T) {
	tests := map[string]struct {
		expected, theirs, ours map[string]string
		want                   map[string]string
	}{
		"none": {
			theirs: map[string]string{"exec[a]": "changed", "/w/f": `file 0644 0:0 "x"`},
			ours:   map[string]string{"exec[a]": "changed", "/w/f": `file 0644 0:0 "x"`},
		},
		"outcome, mode, what only one has": {
			theirs: map[string]string{"exec[a]": "changed", "/w/f": `file 0644 0:0 "x"`, "/w/p": "link t"},
			ours:   map[string]string{"exec[a]": "failed", "/w/f": `file 0600 0:0 "x"`, "/w/o": "link t"},
			want: map[string]string{
				"exec[a]": "changed, failed", "/w/f": `file 0644 0:0 "x", file 0600 0:0 "x"`, "/w/p": "link t, nothing", "/w/o": "nothing, link t",
			},
		},
		"expected by its beginning": {
			expected: map[string]string{"/w/f": "file 0644...", "/w/g": "folder..."},
			theirs:   map[string]string{"/w/f": "file 0644 a", "/w/g": "file a"},
			ours:     map[string]string{"/w/f": "file 0600 b", "/w/g": "file b"},
			want:     map[string]string{"/w/f": "file 0644...", "/w/g": "file a, file b"},
		},
		"what a folder has in it counts as the folder": {
			theirs: map[string]string{"file[/w/d]": "unchanged", "file[/w/d/a/b]": "changed", "file[/w/d/c]": "failed"},
			ours:   map[string]string{"file[/w/d]": "changed", "file[/w/d/c]": "failed"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := difference(test.expected, verdict{Found: test.theirs}, verdict{Found: test.ours})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
