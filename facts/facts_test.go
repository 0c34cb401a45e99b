package facts

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/local"
)

const tree = `
-- etc/os-release --
ID=debian
VERSION_ID="12"
-- proc/sys/kernel/hostname --
node01
-- etc/apply/facts.d/10-role.txt --
role=web
k1=external
-- etc/apply/facts.d/20-role.json --
{"role": "db", "mounts": [{"x": 1}], "deep": {"a": {"b": 1, "c": 2}}, "Mixed_Case": true, "hidden": null}
-- etc/apply/facts.d/30.yaml --
octal: 010
-- srv/facts/a.txt --
octal=late
-- srv/mod/facts.d/m.txt --
role=module
bricks=3
-- srv/root/facts.d/m.txt --
bricks=4
`

func TestPrecedence(t *testing.T) {
	s := New(hosttest.New(t, tree), Options{
		Environ: []string{
			"FACTER_K1=given", "FACTER_text=[1]", `APPLY_FACT_deep={"a":{"b":"over"},"new":[1]}`, "APPLY_FACT_list=[1,2.5,true]", "APPLY_FACT_word=10-4",
			`APPLY_FACT_os={"family":"Mine"}`, "FACTER_both=facter", "APPLY_FACT_both=1", "HOME=/", "FACTER_=x",
		},
		Folders:  []string{"/srv/facts"},
		Exported: Map{"exported": "yes", "role": "exported", "kernel": "exported"},
	})
	s.AddModule("/srv/mod")
	s.AddModule("/srv/root")
	want := map[string]any{
		"k1": "given", "text": "[1]", "list": []any{int64(1), 2.5, true}, "word": "10-4", "both": int64(1),
		"deep":       map[string]any{"a": map[string]any{"b": "over", "c": int64(2)}, "new": []any{int64(1)}},
		"role":       "db",   // the lexically last file, before the module and what is exported
		"octal":      "late", // a later folder
		"mixed_case": true, "hidden": nil, "mounts": []any{map[string]any{"x": int64(1)}},
		"bricks":   "4", // the root module's before another's
		"exported": "yes", "kernel": "exported", "hostname": "node01",
	}
	got := map[string]any{}
	for name := range want {
		v, ok, err := s.Lookup(t.Context(), name)
		if err != nil || !ok {
			t.Errorf("%s: ok %v, error %v", name, ok, err)
		}
		got[name] = v
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for name, want := range map[string]any{"kernel": nil, "role": "db", "word": "10-4", "exported": nil} {
		if v, _, err := s.LookupUnexported(t.Context(), name); err != nil || v != want {
			t.Errorf("%s: want %v, got %v, %v", name, want, v, err)
		}
	}
	if d := cmp.Diff([]string(nil), s.Warnings()); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"role", "k1", "exported", "os", "list", "bricks"} {
		if !slices.Contains(s.Names(), name) {
			t.Errorf("Names lacks %s", name)
		}
	}
}

func TestGet(t *testing.T) {
	s := New(hosttest.New(t, tree), Options{Environ: []string{
		`APPLY_FACT_os={"family":"Mine"}`, `APPLY_FACT_points={"/":{"size":1},"/a.b":{"size":2},"/a":{"b":{"size":3},"c":4}}`,
	}})
	for path, want := range map[string]any{
		"os.family": "Mine", "os.name": "Debian", "os.release.major": "12", "mounts.0.x": int64(1), "mounts.0": map[string]any{"x": int64(1)},
		"points./.size": int64(1), "points./a.b.size": int64(2), "points./a.c": int64(4), "role": "db", "hidden": nil,
	} {
		v, ok, err := s.Get(t.Context(), path)
		if !ok || err != nil {
			t.Errorf("%s: ok %v, error %v", path, ok, err)
		}
		if d := cmp.Diff(want, v); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
	for _, path := range []string{"", "osx", "os.famly", "os.family.x", "mounts.1", "mounts.-1", "mounts.x", "mounts.0.", "role.0", "hidden.x", ".os", "os."} {
		if v, ok, err := s.Get(t.Context(), path); ok || err != nil {
			t.Errorf("%q: %v, ok %v, error %v", path, v, ok, err)
		}
	}
}

func TestGivenRefused(t *testing.T) {
	s := New(hosttest.New(t, ""), Options{Environ: []string{
		"FACTER_1x=a", "FACTER_a-b=a", "FACTER_bad=\xff", `APPLY_FACT_twice={"a":1,"a":2}`, "APPLY_FACT_deep=" + strings.Repeat("[", 99) + strings.Repeat("]", 99),
	}})
	for _, name := range []string{"1x", "a-b", "bad", "twice", "deep"} {
		if _, ok, err := s.Lookup(t.Context(), name); ok || err != nil {
			t.Errorf("%s: ok %v, error %v", name, ok, err)
		}
	}
	want := []string{
		`FACTER_1x: "1x" is no name of a fact: want lower case letters, digits and _ after a letter`,
		`FACTER_a-b: "a-b" is no name of a fact: want lower case letters, digits and _ after a letter`,
		"FACTER_bad: not UTF-8",
		"APPLY_FACT_deep: deeper than the limit of 64 levels",
		`APPLY_FACT_twice: "a" is there twice`,
	}
	if d := cmp.Diff(want, s.Warnings()); d != "" {
		t.Error(d)
	}
}

// counted counts how often a file is opened.
type counted struct {
	host.View
	opened atomic.Int32
}

func (c *counted) Open(name string) (host.File, error) {
	c.opened.Add(1)
	return c.View.Open(name)
}

func TestLookedUpOnceAndOnlyWhenNamed(t *testing.T) {
	v := &counted{View: hosttest.New(t, "-- proc/sys/kernel/osrelease --\n6.1.0-9-amd64\n-- etc/apply/facts.d/a.json --\n{}\n")}
	s := New(v, Options{})
	if n := v.opened.Load(); n != 0 {
		t.Errorf("%d files read before anything was asked", n)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, ok, err := s.Lookup(t.Context(), "kernelrelease"); got != "6.1.0-9-amd64" || !ok || err != nil {
				t.Errorf("got %v, ok %v, error %v", got, ok, err)
			}
		})
	}
	wg.Wait()
	if n := v.opened.Load(); n != 2 { // osrelease and the external file
		t.Errorf("%d files read, want 2", n)
	}
}

// dead is a node where a file system has died: nobody returns from it.
type dead struct {
	host.View
	below string
	wake  chan struct{}
}

func (d *dead) hang(name string) {
	if strings.HasPrefix(name, d.below) {
		<-d.wake
	}
}

func (d *dead) Lstat(name string) (host.Stat, error) {
	d.hang(name)
	return d.View.Lstat(name)
}

func (d *dead) Mounts(context.Context) ([]host.Mount, error) {
	return []host.Mount{{Point: "/", Root: "/", FSType: "ext4"}, {Point: "/srv", Root: "/", FSType: "nfs4"}}, nil
}

func (d *dead) Space(name string) (host.Space, error) {
	d.hang(name)
	return host.Space{Size: 1}, nil
}

func TestDeadMountLosesItsFactsOnly(t *testing.T) {
	h := hosttest.New(t, "-- proc/sys/kernel/hostname --\nnode01\n-- srv/facts/a.txt --\na=b\n")
	synctest.Test(t, func(t *testing.T) {
		d := &dead{View: h, below: "/srv", wake: make(chan struct{})}
		defer close(d.wake)
		s := New(d, Options{Folders: []string{"/srv/facts"}, Environ: []string{`APPLY_FACT_given={"x":1}`}})
		begin := time.Now()
		v, _, err := s.Lookup(t.Context(), "hostname")
		if v != "node01" || err != nil {
			t.Errorf("hostname: %v, %v", v, err)
		}
		_, _, err = s.Lookup(t.Context(), "a")
		if want := "unknown, unless it is in what could not be read: /srv/facts: timed out after 10s"; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if v, ok, err := s.Get(t.Context(), "given.x"); v != int64(1) || !ok || err != nil {
			t.Errorf("what is given: %v, %v, %v", v, ok, err)
		}
		if d := time.Since(begin); d != deadline+grace {
			t.Errorf("took %s, want one deadline", d)
		}
		_, _, err = s.Lookup(t.Context(), "mountpoints")
		if want := "/srv: timed out after 10s"; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if d := time.Since(begin); d != 2*deadline+grace {
			t.Errorf("took %s, want two deadlines", d)
		}
	})
}

func TestCancelled(t *testing.T) {
	h := hosttest.New(t, "-- srv/facts/a.txt --\na=b\n")
	synctest.Test(t, func(t *testing.T) {
		d := &dead{View: h, below: "/srv", wake: make(chan struct{})}
		defer close(d.wake)
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		s := New(d, Options{Folders: []string{"/srv/facts"}})
		time.AfterFunc(time.Second, func() { cancel(stop) })
		begin := time.Now()
		_, _, err := s.Lookup(ctx, "a")
		if err == nil || !strings.Contains(err.Error(), stop.Error()) {
			t.Errorf("got error %v", err)
		}
		if d := time.Since(begin); d != time.Second+grace {
			t.Errorf("took %s after the end at 1s", d)
		}
	})
}

func TestThisMachine(t *testing.T) {
	v, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	s := New(v, Options{})
	name, _ := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	for path, want := range map[string]any{"hostname": short, "kernel": "Linux", "identity.uid": int64(os.Geteuid()), "identity.privileged": os.Geteuid() == 0} {
		if got, ok, err := s.Get(t.Context(), path); !ok || err != nil || got != want {
			t.Errorf("%s: got %v, ok %v, error %v, want %v", path, got, ok, err, want)
		}
	}
	for _, name := range s.Names() {
		if _, _, err := s.Lookup(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
