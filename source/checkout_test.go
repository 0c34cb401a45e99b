package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
)

func TestCheckoutByEveryKindOfReference(t *testing.T) {
	r := newRepo(t)
	one := r.head()
	r.git("tag", "light")
	r.git("tag", "-a", "-m", "annotated", "v1.0")
	r.git("tag", "-a", "-m", "of a tag", "nested", "v1.0")
	r.git("tag", "both")
	two := r.commit("two", "main.hcl", "two\n")
	r.git("branch", "both")
	r.git("branch", "feature/x")
	r.git("tag", "loop-free", "light^{tree}")
	tests := []struct {
		ref, commit string
		kind        source.Kind
	}{
		{"light", one, source.Tag},
		{"v1.0", one, source.Tag},
		{"nested", one, source.Tag},
		{"both", one, source.Tag}, // a tag goes before a branch of its name
		{"refs/heads/both", two, source.Branch},
		{"refs/tags/both", one, source.Tag},
		{"main", two, source.Branch},
		{"feature/x", two, source.Branch},
		{"", two, source.Branch},
		{one, one, source.Commit},
		{one[:9], one, source.Commit},
		{two[:5], two, source.Commit},
	}
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("gc", "-q")
			r.git("pack-refs", "--all")
		}
		for _, tt := range tests {
			t.Run(tt.ref, func(t *testing.T) {
				got, err := source.Checkout(t.Context(), r.source(tt.ref, ""), options(t))
				if err != nil {
					t.Fatal(err)
				}
				want := source.Revision{Ref: tt.ref, RefKind: tt.kind, Commit: tt.commit, Dirty: source.Clean,
					TreeHash: r.git("rev-parse", tt.commit+"^{tree}")}
				if diff := cmp.Diff(want, got.Revision); diff != "" {
					t.Error(diff)
				}
				content := map[string]string{one: "one\n", two: "two\n"}[tt.commit]
				if diff := cmp.Diff(map[string]string{"main.hcl": "-rw------- " + content}, files(t, got.Dir)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	if _, err := source.Checkout(t.Context(), r.source("loop-free", ""), options(t)); err == nil || !strings.Contains(err.Error(), "is a tree") {
		t.Errorf("a tag of a tree: %v", err)
	}
}

func TestCheckoutWritesTheTreeOnly(t *testing.T) {
	r := newRepo(t)
	other := newRepo(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "file://"+other.dir, "sub")
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"
	r.write("large", pointer, "bin/run", "#!/bin/sh\n", ".gitattributes", "*.hcl text eol=crlf ident\n", "id.hcl", "$Id$\n")
	if err := os.Chmod(filepath.Join(r.dir, "bin/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "bin/run", "up": "bin/../main.hcl", "nowhere": "bin/none", "dir": "bin"} {
		if err := os.Symlink(target, filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.git("config", "core.hooksPath", r.dir)
	r.commit("all kinds")
	before := r.git("status", "--porcelain")
	r.write("untracked", "stays")

	o := options(t)
	got, err := source.Checkout(t.Context(), r.source("main", "bin"), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"main.hcl": "-rw------- one\n", "id.hcl": "-rw------- $Id$\n", "bin/": "-rwx------", "bin/run": "-rwx------ #!/bin/sh\n",
		".gitattributes": "-rw------- *.hcl text eol=crlf ident\n", "sub/": "-rwx------",
		".gitmodules": "-rw------- [submodule \"sub\"]\n\tpath = sub\n\turl = file://" + other.dir + "\n",
		"large":       "-rw------- " + pointer,
		"link":        "-> bin/run", "up": "-> bin/../main.hcl", "nowhere": "-> bin/none", "dir": "-> bin",
	}
	if diff := cmp.Diff(want, files(t, got.Dir)); diff != "" {
		t.Error(diff)
	}
	if want := filepath.Join(got.Dir, "bin"); got.Path != want {
		t.Errorf("path: want %s, got %s", want, got.Path)
	}
	if diff := cmp.Diff([]string{"sub: a submodule: left empty", "large: git LFS has the content, which is not fetched: only a pointer is here"}, got.Warnings); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(got.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 || filepath.Dir(got.Dir) != o.Parent {
		t.Errorf("%s: mode %o", got.Dir, info.Mode().Perm())
	}
	if after := r.git("status", "--porcelain"); after != strings.TrimPrefix(before+"\n?? untracked", "\n") {
		t.Errorf("the work tree has changed:\n%s", after)
	}
}

func TestPins(t *testing.T) {
	r := newRepo(t)
	r.git("tag", "-a", "-m", "x", "v1")
	o := options(t)
	first, err := source.Checkout(t.Context(), r.source("v1", ""), o)
	if err != nil {
		t.Fatal(err)
	}
	pin := lockfile.Pin{Commit: first.Commit, Tree: first.TreeHash}
	two := r.commit("two", "main.hcl", "two\n")
	o.Pin = &pin
	if _, err := source.Checkout(t.Context(), r.source("v1", ""), o); err != nil {
		t.Errorf("a tag that stands: %v", err)
	}
	branch, err := source.Checkout(t.Context(), r.source("main", ""), o)
	if err != nil || branch.Commit != pin.Commit {
		t.Errorf("a branch is taken where it was pinned: %v %v", branch, err)
	}
	r.git("tag", "-f", "-a", "-m", "x", "v1")
	_, err = source.Checkout(t.Context(), r.source("v1", ""), o)
	if !errors.Is(err, source.ErrMoved) || !errors.Is(err, source.ErrUntrusted) {
		t.Fatalf("a moved tag: %v", err)
	}
	for _, word := range []string{pin.Commit, two, `tag "v1" has moved`} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
	o.Pin = &lockfile.Pin{Commit: two, Tree: first.TreeHash}
	if _, err = source.Checkout(t.Context(), r.source("v1", ""), o); !errors.Is(err, source.ErrMoved) {
		t.Errorf("another tree: %v", err)
	}
	empty := options(t)
	empty.Pin = &pin
	got, err := source.Checkout(t.Context(), r.source("main", ""), empty)
	if err != nil || got.Commit != pin.Commit {
		t.Errorf("a branch pinned to a commit that has to be fetched: %v", err)
	}
}
