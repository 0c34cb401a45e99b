package source_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
)

func TestDescribe(t *testing.T) {
	// Each case changes a repository of two commits and says what is then dirty.
	for _, tt := range []struct {
		name   string
		change func(r *repo)
		path   string
		want   source.Dirt
	}{
		{"nothing", func(*repo) {}, "main.hcl", source.Clean},
		{"the folder", func(*repo) {}, "", source.Clean},
		{"packed", func(r *repo) { r.git("gc", "-q"); r.git("pack-refs", "--all") }, "main.hcl", source.Clean},
		{"other content", func(r *repo) { r.write("main.hcl", "other\n") }, "main.hcl", source.Dirty},
		{"other content of that length", func(r *repo) { r.write("main.hcl", "eno\n") }, "main.hcl", source.Dirty},
		{"the same content, written again", func(r *repo) { r.write("main.hcl", "one\n") }, "main.hcl", source.Clean},
		{"another file", func(r *repo) { r.write("dir/file", "other\n") }, "main.hcl", source.Dirty},
		{"a file removed", func(r *repo) { os.Remove(filepath.Join(r.dir, "dir/file")) }, "main.hcl", source.Dirty},
		{"a folder removed", func(r *repo) { os.RemoveAll(filepath.Join(r.dir, "dir")) }, "main.hcl", source.Dirty},
		{"a folder in the place of a file", func(r *repo) {
			os.Remove(filepath.Join(r.dir, "dir/file"))
			os.Mkdir(filepath.Join(r.dir, "dir/file"), 0o700)
		}, "main.hcl", source.Dirty},
		{"a link in its place", func(r *repo) {
			os.Remove(filepath.Join(r.dir, "dir/file"))
			os.Symlink("../main.hcl", filepath.Join(r.dir, "dir/file"))
		}, "main.hcl", source.Dirty},
		{"made executable", func(r *repo) { os.Chmod(filepath.Join(r.dir, "dir/file"), 0o755) }, "main.hcl", source.Dirty},
		{"touched", func(r *repo) { os.Chtimes(filepath.Join(r.dir, "dir/file"), time.Time{}, time.Unix(1, 0)) }, "main.hcl", source.Clean},
		{"staged", func(r *repo) { r.write("dir/file", "other\n"); r.git("add", "-A") }, "main.hcl", source.Dirty},
		{"staged, and back in the work tree", func(r *repo) {
			r.write("dir/file", "other\n")
			r.git("add", "-A")
			r.write("dir/file", "content\n")
		}, "main.hcl", source.Dirty},
		{"staged as it was", func(r *repo) {
			r.write("dir/file", "other\n")
			r.git("add", "-A")
			r.write("dir/file", "content\n")
			r.git("add", "-A")
		}, "main.hcl", source.Clean},
		{"added", func(r *repo) { r.write("new", "x"); r.git("add", "new") }, "main.hcl", source.Dirty},
		{"to be added", func(r *repo) { r.write("new", "x"); r.git("add", "-N", "new") }, "main.hcl", source.Dirty},
		{"removed from the index", func(r *repo) { r.git("rm", "-q", "--cached", "dir/file") }, "main.hcl", source.Dirty},
		{"the commit before", func(r *repo) { r.git("reset", "-q", "--soft", "HEAD~1") }, "main.hcl", source.Dirty},
		{"untracked, not a manifest", func(r *repo) { r.write("report.json", "x") }, "main.hcl", source.Clean},
		{"untracked manifest", func(r *repo) { r.write("more.hcl", "x") }, "main.hcl", source.Dirty},
		{"untracked manifest elsewhere", func(r *repo) { r.write("notes/more.hcl", "x") }, "main.hcl", source.Clean},
		{"untracked is what runs", func(r *repo) { r.write("notes/more", "x") }, "notes/more", source.Dirty},
		{"a submodule's folder", func(r *repo) {
			r.git("update-index", "--add", "--cacheinfo", "160000,"+r.head()+",sub")
			r.git("commit", "-q", "-m", "submodule")
		}, "main.hcl", source.Clean},
		{"index of version 4", func(r *repo) { r.git("update-index", "--index-version", "4") }, "main.hcl", source.Clean},
		{"a split index", func(r *repo) { r.git("update-index", "--split-index") }, "main.hcl", source.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRepo(t)
			r.commit("two", "dir/file", "content\n")
			tt.change(r)
			got, ok, err := source.Describe(t.Context(), filepath.Join(r.dir, tt.path))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			want := source.Revision{Ref: "main", RefKind: source.Branch, Commit: r.head(), Dirty: tt.want}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDescribeFindsTheRepository(t *testing.T) {
	r := newRepo(t)
	one := r.head()
	r.write("dir/sub/x.hcl", "x")
	linked := filepath.Join(t.TempDir(), "linked")
	r.git("worktree", "add", "-q", linked, "-b", "other")
	alias := filepath.Join(t.TempDir(), "alias.hcl")
	if err := os.Symlink(filepath.Join(r.dir, "main.hcl"), alias); err != nil {
		t.Fatal(err)
	}
	plain := t.TempDir()
	unborn := filepath.Join(t.TempDir(), "unborn")
	r.git("init", "-q", "-b", "main", unborn)
	for _, tt := range []struct {
		name, path string
		want       source.Revision
		ok         bool
	}{
		{"below", filepath.Join(r.dir, "dir/sub"), source.Revision{Ref: "main", RefKind: source.Branch, Commit: one, Dirty: source.Dirty}, true},
		{"a linked work tree", linked, source.Revision{Ref: "other", RefKind: source.Branch, Commit: one, Dirty: source.Clean}, true},
		{"by a link", alias, source.Revision{Ref: "main", RefKind: source.Branch, Commit: one, Dirty: source.Clean}, true},
		{"no repository", plain, source.Revision{}, false},
		{"no commit yet", unborn, source.Revision{Ref: "main", RefKind: source.Branch, Dirty: source.Dirty}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, err := source.Describe(t.Context(), tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Error(ok, diff)
			}
		})
	}
	r.git("checkout", "-q", "--detach")
	got, _, err := source.Describe(t.Context(), filepath.Join(r.dir, "main.hcl"))
	if diff := cmp.Diff(source.Revision{RefKind: source.Commit, Commit: one, Dirty: source.Clean}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// The shell's folder may be known by a link, and what is said is relative to it.
func TestInAFolderByALink(t *testing.T) {
	r := newRepo(t)
	r.commit("two", "site/main.hcl", "x\n")
	r.write("notes/more.hcl", "x")
	enter := func(folder string) {
		t.Helper()
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(filepath.Join(r.dir, folder), link); err != nil {
			t.Fatal(err)
		}
		t.Chdir(link)
	}
	enter("notes")
	if got, ok, err := source.Describe(t.Context(), "."); err != nil || !ok || got.Dirty != source.Dirty {
		t.Errorf("a manifest that git does not know: %+v %t %v", got, ok, err)
	}
	enter("site")
	l, err := source.OpenLocal(".")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got, err := l.Checkout(t.Context(), "HEAD", options(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(got.Dir, "site"); got.Path != want {
		t.Errorf("want %s, got %s", want, got.Path)
	}
}

func TestDescribeGivesUpInTime(t *testing.T) {
	r := newRepo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, ok, err := source.Describe(ctx, r.dir)
	if err != nil || !ok || got.Dirty != source.Unknown || got.Commit != r.head() {
		t.Errorf("%+v %t %v", got, ok, err)
	}
}

func TestLocalRevisions(t *testing.T) {
	r := newRepo(t)
	commits := []string{r.head()}
	for _, c := range []string{"two", "three", "four"} {
		commits = append(commits, r.commit(c, "site/main.hcl", c+"\n"))
	}
	r.git("tag", "-a", "-m", "x", "v3", commits[2])
	r.git("checkout", "-q", "-b", "side", commits[1])
	side := r.commit("side", "side", "x")
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "-m", "merge", "side")
	merge := r.head()
	r.git("update-ref", "refs/remotes/origin/main", commits[1])
	r.write("site/main.hcl", "not committed\n")
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("gc", "-q")
		}
		l, err := source.OpenLocal(filepath.Join(r.dir, "site"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, tt := range []struct {
			revision, commit string
			kind             source.Kind
		}{
			{"HEAD", merge, source.Commit}, {"@", merge, source.Commit}, {"main", merge, source.Branch},
			{"HEAD~1", commits[3], source.Commit}, {"HEAD~3", commits[1], source.Commit}, {"HEAD~~", commits[2], source.Commit},
			{"HEAD^2", side, source.Commit}, {"HEAD^2~1", commits[1], source.Commit}, {"HEAD^0", merge, source.Commit},
			{"v3", commits[2], source.Tag}, {"v3~1", commits[1], source.Commit}, {"v3^0", commits[2], source.Commit},
			{"origin/main", commits[1], source.Branch}, {merge[:8], merge, source.Commit}, {commits[2], commits[2], source.Commit},
		} {
			t.Run(tt.revision, func(t *testing.T) {
				o := options(t)
				got, err := l.Checkout(t.Context(), tt.revision, o)
				if err != nil {
					t.Fatal(err)
				}
				want := source.Revision{Ref: tt.revision, RefKind: tt.kind, Commit: tt.commit, Dirty: source.Clean, TreeHash: r.git("rev-parse", tt.commit+"^{tree}")}
				if diff := cmp.Diff(want, got.Revision); diff != "" {
					t.Error(diff)
				}
				if got.Path != filepath.Join(got.Dir, "site") {
					t.Errorf("path: %s", got.Path)
				}
				if want := r.git("show", tt.commit+":site/main.hcl"); readFile(t, filepath.Join(got.Path, "main.hcl")) != want {
					t.Errorf("content of %s is not %q", tt.revision, want)
				}
			})
		}
		for revision, want := range map[string]string{
			"HEAD~9": "has 0 parents", "v4": `did you mean "v3"?`, "HEAD^3": "has 2 parents", "HEAD@{1}": "not a reference",
			commits[0]: `"site" is not in the repository`, "HEAD~99999999999999999999": "not a revision",
		} {
			if _, err := l.Checkout(t.Context(), revision, options(t)); err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, source.ErrUntrusted) {
				t.Errorf("%s: want %q, got %v", revision, want, err)
			}
		}
	}
	if content := readFile(t, filepath.Join(r.dir, "site/main.hcl")); content != "not committed" {
		t.Errorf("the work tree has changed: %q", content)
	}
	if _, err := source.OpenLocal(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not in a git repository") {
		t.Errorf("no repository: %v", err)
	}
}
