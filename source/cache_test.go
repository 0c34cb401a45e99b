package source_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeapply/apply/source"
)

func TestUnreachableRemote(t *testing.T) {
	r := newRepo(t)
	r.git("tag", "-a", "-m", "x", "v1")
	one := r.head()
	o := options(t)
	for _, ref := range []string{"v1", "main", one} {
		if _, err := source.Checkout(t.Context(), r.source(ref, ""), o); err != nil {
			t.Fatal(err)
		}
	}
	src := func(ref string) source.Source { return r.source(ref, "") }
	if err := os.Rename(r.dir, r.dir+".away"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ ref, warning string }{
		{"v1", "no such file or directory: going on with \"v1\" as it was fetched before"},
		{"main", "going on with \"main\""},
		{one[:8], "going on with"},
		{one, ""}, // says all by itself: nobody needs to be asked
	} {
		t.Run(tt.ref, func(t *testing.T) {
			got, err := source.Checkout(t.Context(), src(tt.ref), o)
			if err != nil {
				t.Fatal(err)
			}
			if warnings := strings.Join(got.Warnings, "\n"); !strings.Contains(warnings, tt.warning) || (warnings == "") != (tt.warning == "") {
				t.Errorf("want a warning %q, got %q", tt.warning, warnings)
			}
			if got.Commit != one {
				t.Errorf("want %s, got %s", one, got.Commit)
			}
		})
	}
	_, err := source.Checkout(t.Context(), src("v2"), o)
	if err == nil || !strings.Contains(err.Error(), "no such file or directory") || !strings.Contains(err.Error(), "not in the cache") {
		t.Errorf("a ref that was never fetched: %v", err)
	}
	_, err = source.Checkout(t.Context(), src("v1"), options(t))
	if err == nil || !strings.Contains(err.Error(), "not in the cache") {
		t.Errorf("without a cache: %v", err)
	}
}

func TestBrokenCacheIsMovedAsideAndFetchedAgain(t *testing.T) {
	r := newRepo(t)
	r.commit("more", "dir/file", strings.Repeat("content\n", 1000))
	for _, damage := range []struct{ name, pattern string }{
		{"pack zeroed", "git/*/objects/pack/*.pack"}, {"index cut", "git/*/objects/pack/*.idx"}, {"references", "git/*/known-refs"},
	} {
		t.Run(damage.name, func(t *testing.T) {
			o := options(t)
			if _, err := source.Checkout(t.Context(), r.source("main", ""), o); err != nil {
				t.Fatal(err)
			}
			names, err := filepath.Glob(filepath.Join(o.StateDir, damage.pattern))
			if err != nil || len(names) != 1 {
				t.Fatal(names, err)
			}
			info, err := os.Stat(names[0])
			if err != nil {
				t.Fatal(err)
			}
			zeros := make([]byte, info.Size()/2)
			if err := os.WriteFile(names[0], zeros, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := source.Checkout(t.Context(), r.source("main", ""), o)
			if err != nil {
				t.Fatal(err)
			}
			if files(t, got.Dir)["main.hcl"] != "-rw------- one\n" {
				t.Error(files(t, got.Dir))
			}
			if w := strings.Join(got.Warnings, "\n"); !strings.Contains(w, "the cache was broken, was moved to") {
				t.Errorf("not told: %q", w)
			}
		})
	}
}

func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot mount a small file system; a full disk at fetch and at checkout is not tested")
	}
	r := newRepo(t)
	one := r.head()
	r.git("tag", "small")
	// Not compressible, so that the pack is as large as the file.
	r.write("large", string(noise(2<<20)))
	r.commit("large")
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	full := func(t *testing.T, o source.Options) {
		t.Helper()
		_, err := source.Checkout(t.Context(), r.source("main", ""), o)
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") {
			t.Fatalf("want no space left on device, got %v", err)
		}
		got, err := source.Checkout(t.Context(), r.source("small", ""), o)
		if err != nil || got.Commit != one || len(got.Warnings) > 0 {
			t.Fatalf("afterwards: %+v %v", got, err)
		}
		if err := os.RemoveAll(got.Dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("fetch", func(t *testing.T) {
		full(t, source.Options{StateDir: filepath.Join(small, "state"), Parent: t.TempDir()})
		left, err := filepath.Glob(filepath.Join(small, "state/git/*/objects/pack/incoming-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	t.Run("checkout", func(t *testing.T) {
		parent := filepath.Join(small, "parent")
		if err := os.Mkdir(parent, 0o700); err != nil {
			t.Fatal(err)
		}
		full(t, source.Options{StateDir: t.TempDir(), Parent: parent})
		empty(t, parent)
	})
}

// noise is n bytes that do not compress (xorshift).
func noise(n int) []byte {
	b, x := make([]byte, n), uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func TestCheckoutWaitsForTheCacheNoLongerThanItsContext(t *testing.T) {
	r := newRepo(t)
	o := options(t)
	if _, err := source.Checkout(t.Context(), r.source("main", ""), o); err != nil {
		t.Fatal(err)
	}
	locks, err := filepath.Glob(filepath.Join(o.StateDir, "git/*.lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	held, err := os.Open(locks[0])
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("timed out after 5m"))
	if _, err := source.Checkout(ctx, r.source("main", ""), o); err == nil || !strings.Contains(err.Error(), "held by another run: timed out after 5m") {
		t.Errorf("%v", err)
	}
}

func TestManyFetchesLeaveFewPacks(t *testing.T) {
	r := newRepo(t)
	o := options(t)
	var commits []string
	for i := range 36 {
		commits = append(commits, r.commit("x", "main.hcl", strings.Repeat("x", i)))
		got, err := source.Checkout(t.Context(), r.source("main", ""), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(got.Dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, ending := range []string{"pack", "idx"} {
		files, err := filepath.Glob(filepath.Join(o.StateDir, "git/*/objects/pack/*."+ending))
		if err != nil || len(files) > 33 {
			t.Errorf("%d files %s: %v", len(files), ending, err)
		}
	}
	if err := os.Rename(r.dir, r.dir+".away"); err != nil {
		t.Fatal(err)
	}
	for i, c := range commits {
		src, err := source.New("file://"+r.dir, c, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := source.Checkout(t.Context(), src, o)
		if err != nil || files(t, got.Dir)["main.hcl"] != "-rw------- "+strings.Repeat("x", i) {
			t.Fatalf("commit %d is lost: %v", i, err)
		}
	}
}

func TestConcurrentCheckoutsShareOneFetch(t *testing.T) {
	r := newRepo(t)
	o := options(t)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := source.Checkout(t.Context(), r.source("main", ""), o)
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	packs, err := filepath.Glob(filepath.Join(o.StateDir, "git/*/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Errorf("want one pack, got %v %v", packs, err)
	}
}
