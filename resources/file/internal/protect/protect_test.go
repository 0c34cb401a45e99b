package protect

import (
	"testing"

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
