package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/store"
)

const key = "facts/default/a/x"

func open(t *testing.T, dir string, warn func(string)) *Store {
	t.Helper()
	s, err := Open(dir, time.Now, warn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *Store, value string, expect int64) (int64, error) {
	t.Helper()
	return s.Put(t.Context(), store.Put{Key: key, Value: []byte(value), Expect: expect})
}

func TestWhatIsKeptIsThereAfterwards(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	rev, err := put(t, open(t, dir, nil), "1", 0)
	if err != nil {
		t.Fatal(err)
	}
	e, err := open(t, dir, nil).Get(t.Context(), key)
	if err != nil || string(e.Value) != "1" || e.Revision != rev || e.Time.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	var modes []string
	for _, p := range []string{dir, filepath.Join(dir, "exchange.json"), filepath.Join(dir, "exchange.json.lock")} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		modes = append(modes, info.Mode().Perm().String())
	}
	if d := cmp.Diff([]string{"-rwx------", "-rw-------", "-rw-------"}, modes); d != "" {
		t.Errorf("modes (-want +got):\n%s", d)
	}
}

// TestTwoOpenedAtOnce has two stores in one folder, as two processes of a node would.
func TestTwoOpenedAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	const each = 25
	for range 2 {
		s := open(t, dir, nil)
		wg.Go(func() {
			for range each {
				_, err := store.Retry(t.Context(), func(ctx context.Context) (int64, error) {
					for {
						e, err := s.Get(ctx, key)
						if err != nil && !errors.Is(err, store.ErrNotFound) {
							return 0, err
						}
						var n int
						fmt.Sscan(string(e.Value), &n)
						rev, err := s.Put(ctx, store.Put{Key: key, Value: fmt.Append(nil, n+1), Expect: e.Revision})
						if !errors.Is(err, store.ErrConflict) {
							return rev, err
						}
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	e, err := open(t, dir, nil).Get(t.Context(), key)
	if err != nil || string(e.Value) != fmt.Sprint(2*each) {
		t.Errorf("counted %s, %v; want %d", e.Value, err, 2*each)
	}
}

func TestABrokenFileIsToldAndMovedAside(t *testing.T) {
	for name, content := range map[string]string{
		"cut off": `{"Revision":12,"Entries":[{"Ke`, "zeros": strings.Repeat("\x00", 100), "empty": "", "other JSON": `[1,2]`, "no revision": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "exchange.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			var told []string
			s := open(t, dir, func(w string) { told = append(told, w) })
			if _, err := put(t, s, "1", 0); err != nil {
				t.Fatal(err)
			}
			if len(told) != 1 || !strings.Contains(told[0], "moved aside") {
				t.Errorf("told: %q", told)
			}
			b, err := os.ReadFile(path + ".broken")
			if err != nil || string(b) != content {
				t.Errorf("aside: %q, %v", b, err)
			}
		})
	}
}

func TestAWatchFallsBehindWhatIsKept(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	for i := range historyMax + 5 {
		if _, err := put(t, s, fmt.Sprint(i), store.Any); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, filepath.Dir(s.path), nil)
	for _, err := range again.Watch(t.Context(), "facts/", 1) {
		if !errors.Is(err, store.ErrCompacted) {
			t.Errorf("watch: %v, want %v", err, store.ErrCompacted)
		}
		break
	}
}

func TestAFullDiskKeepsWhatWasThere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root: left out is a state folder whose disk is full, as that needs a mount")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		t.Skipf("mount is not allowed here (%v): left out is a state folder whose disk is full", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := open(t, dir, nil)
	if _, err := put(t, s, "1", 0); err != nil {
		t.Fatal(err)
	}
	_, err := put(t, s, strings.Repeat("x", 512<<10), store.Any)
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("put: %v", err)
	}
	e, err := s.Get(t.Context(), key)
	if err != nil || string(e.Value) != "1" {
		t.Errorf("%.20q, %v; want what was there", e.Value, err)
	}
	names, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil || len(names) > 0 {
		t.Errorf("left behind: %q %v", names, err)
	}
}

func TestALockThatIsHeldIsWaitedForWithADeadline(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	lock, err := durable.Lock(t.Context(), s.path+".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Get(ctx, key); err == nil || !strings.Contains(err.Error(), "held by another process") {
		t.Errorf("get: %v", err)
	}
}
