package syncer

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheFasterWayIsTaken(t *testing.T) {
	for _, tc := range []struct {
		name      string
		each, all time.Duration // what the syncs take
		files     int
		want      bool // all at once
	}{
		{"few files", time.Millisecond, 5 * time.Millisecond, 3, false},
		{"many files", time.Millisecond, 5 * time.Millisecond, 100, true},
		{"many files beside a busy writer", time.Millisecond, 10 * time.Second, 100, false},
		{"many files on a disk that is slow to sync one", 30 * time.Millisecond, 60 * time.Millisecond, 100, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDisk()
			var all int
			const rounds = 200
			for range rounds {
				way := d.preferAll(tc.files)
				if way {
					all++
					d.took(true, tc.files, tc.all)
				} else {
					d.took(false, tc.files, time.Duration(tc.files)*tc.each)
				}
			}
			// The other way is tried now and then, or nobody would see that it has become the better one.
			if often := all > rounds/2; often != tc.want {
				t.Errorf("all at once in %d of %d syncs, want most: %v", all, rounds, tc.want)
			}
		})
	}
}

// TestSyncfsIsRefused: by a sandbox that does not know the call; then each file is synced by itself, from then on too. What a disk says is told.
func TestSyncfsIsRefused(t *testing.T) {
	for _, tc := range []struct{ refused, want error }{{unix.EPERM, nil}, {unix.ENOSYS, nil}, {unix.EIO, unix.EIO}} {
		t.Run(tc.refused.Error(), func(t *testing.T) {
			g := New()
			g.whole = func(int) error { return tc.refused }
			dir, fds := t.TempDir(), make([]int, 10)
			for i := range fds {
				f, err := os.Create(filepath.Join(dir, strconv.Itoa(i)))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				fds[i] = int(f.Fd())
			}
			if err := g.Sync(func(func() int) {}, fds...); !errors.Is(err, tc.want) {
				t.Errorf("want %v, got %v", tc.want, err)
			}
			if again := g.whole != nil; again != (tc.want != nil) {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}
