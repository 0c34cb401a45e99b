package origin

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources/all"
	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
)

func TestLock(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	lib, site := filepath.Join(dir, "lib"), filepath.Join(dir, "site")
	first := commit(t, lib, "v1", "m/main.hcl", "")
	key := "git::file://" + lib + "?ref=v1"
	write(t, site, "main.hcl", "module \"m\" {\n  source = \"git::file://"+lib+"//m?ref=v1\"\n}\n")
	lock := func() *Lock {
		t.Helper()
		c, _ := opened(t, state, Options{Pinning: true})
		l, err := c.Lock(t.Context(), parse(t, site), all.Linked(nil))
		if err != nil {
			t.Fatal(err)
		}
		write(t, site, lockfile.Name, string(l.Pins.Format()))
		return l
	}
	module := func(text string) error {
		t.Helper()
		c, _ := opened(t, state, Options{})
		if _, err := c.Find(t.Context(), parse(t, site)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Module(t.Context(), text, "")
		if !errors.Is(c.Refused(), source.ErrUntrusted) && errors.Is(err, source.ErrUntrusted) {
			t.Errorf("%v is not kept as a refusal", err)
		}
		return err
	}
	l := lock()
	if len(l.Now) != 1 || l.Now[0].Key != key || l.Now[0].Pin.Commit != first || l.Now[0].Was != nil || l.File != filepath.Join(site, lockfile.Name) {
		t.Fatalf("pinned: %+v", l)
	}
	if err := module("git::file://" + lib + "//m?ref=v1"); err != nil {
		t.Errorf("what is pinned: %v", err)
	}
	if err := module("git::file://" + lib + "//m"); !errors.Is(err, source.ErrUntrusted) {
		t.Errorf("what the lock leaves out: %v", err)
	}
	second := commit(t, lib, "v1", "m/main.hcl", "# moved\n")
	if err := module("git::file://" + lib + "//m?ref=v1"); !errors.Is(err, source.ErrMoved) {
		t.Errorf("a tag that has moved: %v", err)
	}
	l = lock()
	if len(l.Now) != 1 || l.Now[0].Pin.Commit != second || l.Now[0].Was == nil || l.Now[0].Was.Commit != first {
		t.Errorf("pinned again: %+v", l)
	}
}

func TestLockOfRepository(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	lib, site := filepath.Join(dir, "lib"), filepath.Join(dir, "site")
	commit(t, lib, "v1", "main.hcl", "")
	pinned := "git::file://" + lib + "?ref=v1"
	manifest := "module \"m\" {\n  source = \"" + pinned + "\"\n}\n"
	c, _ := opened(t, state, Options{Pinning: true})
	l, err := c.Lock(t.Context(), parse(t, write(t, filepath.Join(dir, "plain"), "main.hcl", manifest)), all.Linked(nil))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, site, "v1", "main.hcl", manifest, lockfile.Name, string(l.Pins.Format()))
	write(t, state, lockfile.Name, string(lockfile.Lock{"git::file:///other": l.Now[0].Pin}.Format()))
	c, _ = opened(t, state, Options{Pinning: true})
	if l, err = c.Lock(t.Context(), parse(t, "git::file://"+site+"?ref=v1"), all.Linked(nil)); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key := range l.Pins {
		keys = append(keys, strings.ReplaceAll(key, dir, "DIR"))
	}
	if diff := cmp.Diff(map[string]bool{"git::file:///other": true, "git::file://DIR/site?ref=v1": true}, set(keys)); diff != "" {
		t.Error(diff)
	}
	if want := filepath.Join(state, lockfile.Name); l.File != want {
		t.Errorf("the lock is %s, want %s", l.File, want)
	}
}
