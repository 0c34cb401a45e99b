package mount

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// A link that somebody else has put in the place of the mount point, or of a folder above it, is refused before anything is mounted: mount(8) follows it.
func TestPlantedPoint(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: links of other users")
	}
	const tree = "-- etc/fstab --\n-- victim/ --\n-- bob/ 0755 nobody:nobody --\n-- bob/data -> /victim nobody:nobody --\n" +
		"-- bob/up -> / nobody:nobody --\n-- srv/ 0755 --\n-- srv/data -> /victim --\n"
	for point, refused := range map[string]bool{"/bob/data": true, "/bob/up/victim": true, "/srv/data": false} {
		t.Run(strings.ReplaceAll(point[1:], "/", "-"), func(t *testing.T) {
			h := hosttest.New(t, tree)
			h.Mount()
			m := declare(mounted)
			m.Path = point
			_, checked := m.Check(t.Context(), h)
			applied := m.Apply(t.Context(), h, resources.Diff{})
			for _, err := range []error{checked, applied} {
				if got := err != nil && strings.Contains(err.Error(), "refused: a link"); got != refused {
					t.Errorf("want refused %v, got %v", refused, err)
				}
			}
			if mounts, err := h.Mounts(t.Context()); refused && len(mounts) > 0 || err != nil {
				t.Errorf("%+v, %v", mounts, err)
			}
		})
	}
}

// What went astray, because a link was put there after the last look, is taken off again; what others have mounted meanwhile is not.
func TestAstray(t *testing.T) {
	h := hosttest.New(t, "-- etc/fstab --\n-- data/ --\n-- victim/ --\n-- else/ --\n")
	h.Mount()
	h.Handle("mount", func(context.Context, host.Cmd) (host.Output, error) {
		astray := current()
		astray.Point = "/victim"
		others := other(func(o *host.Mount) { o.Point, o.Source = "/else", "/dev/another" })
		h.Mount(astray, others)
		return host.Output{}, nil
	})
	err := declare(mounted).Apply(t.Context(), h, resources.Diff{})
	if err == nil || !strings.Contains(err.Error(), "it was mounted at /victim") {
		t.Errorf("got %v", err)
	}
	mounts, err := h.Mounts(t.Context())
	if err != nil || slices.ContainsFunc(mounts, func(m host.Mount) bool { return m.Point == "/victim" }) || len(mounts) != 1 {
		t.Errorf("%+v, %v", mounts, err)
	}
}
