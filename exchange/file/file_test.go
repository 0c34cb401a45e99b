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
	"github.com/nodeapply/apply/exchange/ledger"
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

// TestGroup: what waits at the same time is kept by one write, each with a revision and an outcome of its own; whoever loses patience takes nobody along.
func TestGroup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	was, err := put(t, s, "0", 0)
	if err != nil {
		t.Fatal(err)
	}
	writes := func(name, value string, expect int64, rev *int64) *op {
		return &op{do: func(tx *ledger.Tx, _ *ledger.Ledger) (err error) {
			*rev, err = tx.Put(store.Put{Key: "facts/default/a/" + name, Value: []byte(value), Expect: expect})
			return err
		}}
	}
	var one, none, two int64
	var seen store.Entry
	reads := &op{do: func(_ *ledger.Tx, l *ledger.Ledger) (err error) { seen, err = l.Get("facts/default/a/one"); return err }}
	others := []*op{writes("one", "1", 0, &one), writes("x", "lost", was+9, &none), reads, writes("two", "2", 0, &two)}
	s.waiting = others

	held, err := durable.Lock(t.Context(), filepath.Join(dir, "exchange.json.lock"))
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Get(impatient, key); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while another process holds the lock: %v", err)
	}
	if len(s.waiting) != len(others) || others[0].over {
		t.Errorf("who lost patience has taken others along: %d wait", len(s.waiting))
	}
	held.Close()
	rev, err := put(t, s, "3", was)
	if err != nil {
		t.Fatal(err)
	}
	if others[0].err != nil || !errors.Is(others[1].err, store.ErrConflict) || others[2].err != nil || string(seen.Value) != "1" || others[3].err != nil {
		t.Errorf("the others: %v, %v, %v and %q, %v", others[0].err, others[1].err, others[2].err, seen.Value, others[3].err)
	}
	if d := cmp.Diff([]int64{was + 1, was + 2, was + 3}, []int64{one, two, rev}); d != "" {
		t.Errorf("revisions (-want +got):\n%s", d)
	}
	l, err := open(t, dir, nil).List(t.Context(), "facts/")
	if err != nil || len(l.Entries) != 3 {
		t.Errorf("what is kept: %v, %v", l.Entries, err)
	}
}

// TestManyWriteAtOnce: nothing of it is lost.
func TestManyWriteAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if _, err := s.Put(t.Context(), store.Put{Key: fmt.Sprintf("facts/default/a/f%d", i), Value: []byte("1"), Expect: 0}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	l, err := open(t, dir, nil).List(t.Context(), "facts/")
	if err != nil || len(l.Entries) != 200 {
		t.Errorf("want 200 entries, got %d, %v", len(l.Entries), err)
	}
}
