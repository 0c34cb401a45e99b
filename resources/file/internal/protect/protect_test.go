package protect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestSystem(t *testing.T) {
	h := hosttest.New(t, "-- usr/lib/x --\n-- lib -> usr/lib --\n-- srv/www/ --\n-- srv/to -> /usr/lib --\n")
	for name, spared := range map[string]bool{
		"/": true, "/usr": true, "/usr/lib": true, "/lib": true, "/srv/../usr": true, "/opt": true,
		"/srv/www": false, "/srv/to": false, "/usr/lib/x": false,
	} {
		st, err := h.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := System(h, name, st); (err != nil) != spared {
			t.Errorf("%s: want it spared: %v, got %v", name, spared, err)
		}
	}
}

func TestMounted(t *testing.T) {
	mounts := []host.Mount{{Point: "/"}, {Point: "/srv/www"}, {Point: "/srv/data/deep"}}
	for name, want := range map[string]string{
		"/srv/www": "/srv/www", "/srv/data": "/srv/data/deep", "/srv": "/srv/www", "/srv/ww": "", "/srv/www/x": "", "/srv/data/deeper": "", "/srv/dat": "",
	} {
		if got := Mounted(mounts, name); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
}

// What is in the way goes by force, if at all.
func TestReplaceable(t *testing.T) {
	const full = "force: /d/full is a directory that is not empty: it is removed, with all that is in it, only with force = true"
	for name, tc := range map[string]struct {
		of     string
		force  bool
		inTree bool
		want   string
	}{
		"a file":                      {of: "/d/f"},
		"a link":                      {of: "/d/l"},
		"a pipe":                      {of: "/d/p"},
		"an empty folder":             {of: "/d/empty"},
		"a full one":                  {of: "/d/full", want: full},
		"a full one by force":         {of: "/d/full", force: true},
		"the system's":                {of: "/usr", force: true, want: "/usr is a folder of the system itself: it is never removed"},
		"what is mounted on":          {of: "/d/mnt", force: true, want: "/d/mnt is a mount point: it is never removed"},
		"what has a mount in it":      {of: "/d", force: true, want: "/d/mnt is a mount point: it is never removed"},
		"a mount that a walk sees to": {of: "/d/mnt", force: true, inTree: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- usr/ --\n-- d/f --\n-- d/l -> f --\n-- d/p| 0600 --\n-- d/empty/ --\n-- d/full/f --\n-- d/mnt/ --\n")
			h.Mount(host.Mount{Point: "/d/mnt", FSType: "tmpfs", Source: "none"})
			st, err := h.Lstat(tc.of)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := Replaceable(t.Context(), h, tc.of, st, tc.force, tc.inTree); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
