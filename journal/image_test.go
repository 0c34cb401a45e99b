package journal

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// exchanging is a node whose user exchanges two of his names just before the one is opened.
type exchanging struct {
	*hosttest.Host
	t        *testing.T
	one, two string
}

func (e *exchanging) Open(name string) (host.File, error) {
	if name == e.one {
		if err := unix.Renameat2(unix.AT_FDCWD, e.Path(e.one), unix.AT_FDCWD, e.Path(e.two), unix.RENAME_EXCHANGE); err != nil {
			e.t.Error(err)
		}
	}
	return e.Host.Open(name)
}

// What an undo puts back is as open as it was when it was kept, whatever its user had put in its place meanwhile.
func TestImageOfWhatIsExchanged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: files of other users")
	}
	h := &exchanging{hosttest.New(t, "-- bob/ 0755 nobody:nobody --\n-- bob/his 0644 nobody:nobody --\nhis\n-- bob/root 0600 --\nsecret\n"), t, "/bob/his", "/bob/root"}
	img, err := open(t, t.TempDir()).image(t.Context(), h, "/bob/his", true)
	if err != nil {
		t.Fatal(err)
	}
	sum := img.Sum
	img.Sum = ""
	if diff := cmp.Diff(&image{Kind: "file", Mode: 0o600}, img); diff != "" || sum == "" {
		t.Errorf("content %q: -want +got\n%s", sum, diff)
	}
}

// crowd is a node that counts the goroutines of this process while its names are looked at.
type crowd struct {
	host.View
	most atomic.Int64
}

func (c *crowd) Lstat(name string) (host.Stat, error) {
	for now := int64(runtime.NumGoroutine()); ; {
		most := c.most.Load()
		if now <= most || c.most.CompareAndSwap(most, now) {
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
	s := open(t, t.TempDir())
	r, _ := begin(t, s, "1")
	c := &crowd{View: h}
	before := runtime.NumGoroutine()
	var g errgroup.Group
	for i := range folders {
		g.Go(func() error {
			return r.Op(t.Context(), addr("a"), c, host.Op{Kind: host.OpRemove, Name: fmt.Sprintf("/%d", i), All: true})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if most, bound := int(c.most.Load()), before+folders+cap(s.keep)+16; most > bound {
		t.Errorf("%d goroutines for %d files, want %d at most", most, folders*files, bound)
	}
}
