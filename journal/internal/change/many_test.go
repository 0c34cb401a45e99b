package change

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// crowd is a node that counts the goroutines of this process while its names are looked at.
type crowd struct {
	host.View
	most atomic.Int64
}

func (c *crowd) Lstat(name string) (host.Stat, error) {
	for running := int64(runtime.NumGoroutine()); ; {
		most := c.most.Load()
		if running <= most || c.most.CompareAndSwap(most, running) {
			return c.View.Lstat(name)
		}
	}
}

// Of large folders that are removed at a time, no more pre-images are under way than have a place: each takes memory while it waits for the disk.
func TestManyImagesAtOnce(t *testing.T) {
	const folders, files = 8, 150
	h := hosttest.New(t, "")
	for i := range folders {
		dir := h.Path(fmt.Sprintf("/%d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, j), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept, _, l := begin(t)
	c := &crowd{View: h}
	before := runtime.NumGoroutine()
	var g errgroup.Group
	for i := range folders {
		g.Go(func() error {
			return kept.Announce(t.Context(), l, addr, c, host.Op{Kind: host.OpRemove, Name: fmt.Sprintf("/%d", i), All: true})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if most, bound := int(c.most.Load()), before+folders+batch+16; most > bound {
		t.Errorf("%d goroutines for %d files, want %d at most", most, folders*files, bound)
	}
}
