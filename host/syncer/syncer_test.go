package syncer_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/syncer"
)

func TestSyncFromManyGoroutines(t *testing.T) {
	g, dir := syncer.New(), t.TempDir()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			f, err := os.CreateTemp(dir, "")
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for range 5 {
				if err := g.Sync(now, int(f.Fd()), int(f.Fd())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// A pipe cannot be synced: its error must reach who asked, and nobody else.
func TestErrorsReachWhoAsked(t *testing.T) {
	g := syncer.New()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := g.Sync(now, int(w.Fd())); !errors.Is(err, unix.EINVAL) {
				t.Errorf("pipe: want %v, got %v", unix.EINVAL, err)
			}
		})
		wg.Go(func() {
			if err := g.Sync(now, int(f.Fd())); err != nil {
				t.Errorf("file: %v", err)
			}
		})
	}
	wg.Wait()
	if err := g.Sync(now, -1); !errors.Is(err, unix.EBADF) {
		t.Errorf("want %v, got %v", unix.EBADF, err)
	}
	if err := g.Sync(now); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func now(func() int) {}
