package content

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// What is taken of several sources, by what is declared.
func TestChoose(t *testing.T) {
	const tree = "-- f --\nabc\n-- d/x --\n-- lf -> f --\n-- ld -> d --\n-- lost -> nowhere --\n-- p| 0600 --\n"
	for name, tc := range map[string]struct {
		sources []string
		kind    host.Kind
		tree    bool
		want    string // the path, the folder or the note
		err     string
	}{
		"a file":                         {sources: []string{"/f"}, kind: host.Regular, want: "/f"},
		"an address of one":              {sources: []string{"file:///f"}, kind: host.Regular, want: "/f"},
		"a link to one":                  {sources: []string{"/lf"}, kind: host.Regular, want: "/f"},
		"the first that exists":          {sources: []string{"/none", "/lost", "/f", "/d"}, kind: host.Regular, want: "/f"},
		"an address before it":           {sources: []string{"/none", "https://example.org/f", "/f"}, kind: host.Regular, want: "https://example.org/f /f"},
		"none":                           {sources: []string{"/none", "/lost"}, kind: host.Regular},
		"a folder":                       {sources: []string{"/d"}, kind: host.Directory, tree: true, want: "folder /d"},
		"a link to a folder":             {sources: []string{"/ld/"}, kind: host.Directory, tree: true, want: "folder /d"},
		"a folder for a file":            {sources: []string{"/d"}, kind: host.Regular, err: `/d is a directory: it needs ensure = "directory" and recurse = true`},
		"a file for a folder":            {sources: []string{"/f"}, kind: host.Directory, want: "/f is a file and ensure is directory: nothing is copied"},
		"a file for what is in a folder": {sources: []string{"/f"}, kind: host.Directory, tree: true, err: "/f is a file and cannot be copied"},
		"a pipe":                         {sources: []string{"/p", "/f"}, kind: host.Regular, err: "/p is a fifo and cannot be copied"},
	} {
		t.Run(name, func(t *testing.T) {
			s, found, err := Choose(hosttest.New(t, tree), tc.sources, Checksum{}, tc.kind, tc.tree)
			got := s.Body.Path + s.Note
			for i, url := range s.Body.URLs {
				if i > 0 {
					got += " "
				}
				got += url
			}
			if s.Folder != "" {
				got += "folder " + s.Folder
			}
			gotErr := ""
			if err != nil {
				gotErr = err.Error()
			} else {
				s.Body.Close()
			}
			if diff := cmp.Diff([]string{tc.want, tc.err}, []string{got, gotErr}); diff != "" || found != (tc.want != "") {
				t.Errorf("found %v: %s", found, diff)
			}
		})
	}
}

func TestNone(t *testing.T) {
	h := hosttest.New(t, "-- etc/app.conf --\n")
	for want, sources := range map[string][]string{
		"none of the sources exists: /a, /b":                          {"/a", "/b"},
		"/etc/ap.conf: does not exist; did you mean `/etc/app.conf`?": {"/etc/ap.conf"},
		"/nowhere/x: does not exist":                                  {"file:///nowhere/x"},
	} {
		if err := None(h, sources); err.Error() != want {
			t.Errorf("want %q, got %q", want, err)
		}
	}
}
