package below_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/below"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/file/internal/tree"
	"github.com/nodeapply/apply/resources/file/internal/want"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// folder is /dir/x, which is there, as a resource.
type folder struct{ *below.Folder }

func (f folder) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	return f.Compare(ctx, v, host.Directory, resources.Diff{})
}

func (f folder) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	return f.Bring(ctx, h, d)
}

// made is that folder, with a mode for all that is in it, copied from from, without what that does not have if purge is set.
func made(from string, mode perm.Mode, purge bool) folder {
	none := func(string) bool { return false }
	return folder{&below.Folder{
		Root: &want.Thing{Name: "/dir/x", Ensure: want.Directory, Mode: mode, Terms: want.Terms{Replace: true}},
		From: from,
		Walk: tree.Walk{Purge: purge, Ignores: none, Backup: none, Managed: func(string) (itself, below bool) { return false, false }, Kept: none},
	}}
}

func TestChanges(t *testing.T) {
	h := hosttest.New(t, "-- src/a --\nA\n-- src/b --\nnew\n-- src/c --\nlonger\n-- src/l -> a --\n-- dir/x/b 0600 --\nold\n-- dir/x/c --\nold\n-- dir/x/gone --\n-- dir/x/l -> b --\n")
	o := resourcetest.Converges(t, h, made("/src", "0644", true))
	want := []resources.Change{
		{Attr: "ensure", From: "a: absent", To: "a: file"},
		{Attr: "source", From: "b: 4 bytes, sha256:01d09d19c2139a46", To: "b: 4 bytes, sha256:7aa7a5359173d05b"},
		{Attr: "mode", From: "b: 0600", To: "b: 0644"},
		{Attr: "source", From: "c: 4 bytes", To: "c: 7 bytes"},
		{Attr: "purge", From: "gone: file", To: "gone: absent"},
		{Attr: "target", From: "l: b", To: "l: a"},
	}
	if diff := cmp.Diff(want, o.Diff.Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !o.Diff.Spreads {
		t.Error("the changes of a tree do not spread")
	}
}

func TestChangesAreBounded(t *testing.T) {
	var tree strings.Builder
	for i := range 150 {
		fmt.Fprintf(&tree, "-- dir/x/%03d --\n-- dir/x/s%03d/ --\n", i, i)
	}
	h := hosttest.New(t, tree.String())
	o := resourcetest.Converges(t, h, made("", "", true))
	if n := len(o.Diff.Changes); n != 101 {
		t.Errorf("%d changes listed", n)
	}
	if diff := cmp.Diff(resources.Change{Attr: "recurse", To: "and 50 more"}, o.Diff.Changes[len(o.Diff.Changes)-1]); diff != "" {
		t.Errorf("the last change (-want +got):\n%s", diff)
	}
	if n := len(o.Diff.Notes); n != 21 || o.Diff.Notes[n-1] != "and 130 more" {
		t.Errorf("%d notes listed, the last is %q", n, o.Diff.Notes[n-1])
	}
}

// shut is a node on which something cannot be read.
type shut struct {
	host.Host
	name string
}

func (s shut) Open(name string) (host.File, error) {
	if name == s.name {
		return nil, syscall.EACCES
	}
	return s.Host.Open(name)
}

func (s shut) ReadDir(name string) iter.Seq2[string, error] {
	if name == s.name {
		return func(yield func(string, error) bool) { yield("", syscall.EACCES) }
	}
	return s.Host.ReadDir(name)
}

// What cannot be read is named, on whichever side it is.
func TestWhatCannotBeRead(t *testing.T) {
	for name, want := range map[string]string{
		"/src/sub": "source: /src/sub: permission denied", "/src/sub/b": "sub/b: source: permission denied",
		"/dir/x/sub": "/dir/x/sub: permission denied", "/dir/x/sub/b": "sub/b: permission denied",
	} {
		h := shut{hosttest.New(t, "-- src/sub/b --\nB\n-- dir/x/sub/b --\nC\n"), name}
		if _, err := made("/src", "", false).Check(t.Context(), h); err == nil || err.Error() != want {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
	}
}

// The folder itself is not written to when only the mode of something in it differs.
func TestFolderIsLeftAlone(t *testing.T) {
	h := hosttest.New(t, "-- dir/x/a 0600 --\nA\n-- dir/x/b 0644 --\nB\n")
	o := resourcetest.Converges(t, h, made("", "0644", false))
	if diff := cmp.Diff([]host.Op{{Kind: host.OpMeta, Name: "/dir/x/a"}}, o.Ops); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
}

// TestBroughtWhereItDiffers has one file of a folder drift after another was found to: only what was found is looked at again, and brought.
func TestBroughtWhereItDiffers(t *testing.T) {
	h := hosttest.New(t, "-- src/a --\nA\n-- src/b --\nB\n-- src/sub/c --\nC\n-- dir/x/a --\nold\n-- dir/x/b --\nB\n-- dir/x/own --\n-- dir/x/sub/c --\nC\n")
	f := made("/src", "", true)
	d, err := f.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.WriteFile(t.Context(), "/dir/x/b", host.NewFile{Content: strings.NewReader("later\n")}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	if err := f.Apply(t.Context(), seeing{h, seen}, d); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("A\n later\n C\n", h.Content("/dir/x/a")+" "+h.Content("/dir/x/b")+" "+h.Content("/dir/x/sub/c")); diff != "" {
		t.Error(diff)
	}
	if !seen["/dir/x/a"] || !seen["/dir/x/own"] || seen["/dir/x/b"] || seen["/dir/x/sub"] || seen["/dir/x/sub/c"] {
		t.Errorf("looked at %v", seen)
	}
	if out := resourcetest.Converges(t, h, f); len(out.Diff.Changes) == 0 {
		t.Error("want what has drifted since found by the next check")
	}
}

// seeing is a Host that keeps which names were looked at.
type seeing struct {
	host.Host
	seen map[string]bool
}

func (s seeing) Lstat(name string) (host.Stat, error) {
	s.seen[name] = true
	return s.Host.Lstat(name)
}
