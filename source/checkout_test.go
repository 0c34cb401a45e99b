package source_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
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
	r.write("bin/run", "#!/bin/sh\n", ".gitattributes", "*.hcl text eol=crlf ident\n", "id.hcl", "$Id$\n")
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
		"link":        "-> bin/run", "up": "-> bin/../main.hcl", "nowhere": "-> bin/none", "dir": "-> bin",
	}
	if diff := cmp.Diff(want, files(t, got.Dir)); diff != "" {
		t.Error(diff)
	}
	if want := filepath.Join(got.Dir, "bin"); got.Path != want {
		t.Errorf("path: want %s, got %s", want, got.Path)
	}
	if diff := cmp.Diff([]string{"sub: a submodule: left empty"}, got.Warnings); diff != "" {
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

func TestUnknownNames(t *testing.T) {
	r := newRepo(t)
	r.git("tag", "v1.2.0")
	r.git("tag", "v1.2.1")
	r.git("branch", "production")
	checkRefusals(t, r, []refusal{
		{"v1.2.2", "", `did you mean "v1.2.0", "v1.2.1"?`, false},
		{"prodution", "", `did you mean "production"?`, false},
		{"zzzzzzzzz", "", `neither a tag nor a branch nor a commit`, false},
		{"0123456789", "", `neither a tag nor a branch nor a commit`, false},
		{strings.Repeat("0", 39) + "1", "", `no`, false},
		{"main", "no/such.hcl", `"no/such.hcl" is not in the repository`, false},
		{"main", "main.hcl/x", `is not in the repository`, false},
	}, "file://"+r.dir, newGitServer(t, r.dir).url)
}

func TestHostileTrees(t *testing.T) {
	r := newRepo(t)
	b := r.blob("x")
	out, abs := r.blob("../x"), r.blob("/etc/passwd")
	sub := r.input("100644 blob "+b+"\tf\n", "mktree")
	hop, viaHop := r.blob("d/f/.."), r.blob("hop/../../../x")
	loop := r.blob("loop")
	r.rawTree("dotdot", "100644 "+b+"\t..")
	r.rawTree("dot-git", "40000 "+sub+"\t.git")
	r.rawTree("dot-git-case", "40000 "+sub+"\t.GIT")
	r.rawTree("dot-git-short", "40000 "+sub+"\tGIT~1")
	r.rawTree("dot-git-ntfs", "40000 "+sub+"\t.git. .")
	r.rawTree("dot-git-stream", "40000 "+sub+"\t.git::$INDEX_ALLOCATION")
	r.rawTree("dot-git-hfs", "40000 "+sub+"\t.g\u200cit")
	r.rawTree("slash", "100644 "+b+"\ta/b")
	r.rawTree("backslash", "100644 "+b+"\ta\\b")
	r.rawTree("twice", "100644 "+b+"\ta", "40000 "+sub+"\ta")
	r.rawTree("no-name", "100644 "+b+"\t")
	r.rawTree("device", "20666 "+b+"\tnull")
	r.rawTree("deep", "40000 "+r.input("100644 blob "+b+"\t.Git\n", "mktree")+"\td")
	r.rawTree("link-out", "120000 "+out+"\tl")
	r.rawTree("link-abs", "120000 "+abs+"\tl")
	r.rawTree("link-by-link", "40000 "+sub+"\td", "120000 "+hop+"\thop", "120000 "+viaHop+"\tl")
	r.rawTree("link-loop", "120000 "+loop+"\tloop")
	r.rawTree("not-a-tree", "40000 "+b+"\td")
	// Two of them make upload-pack itself stumble: those come from the repository only.
	checkRefusals(t, r, []refusal{
		{"no-name", "", `a name in the tree is empty`, true},
		{"not-a-tree", "", `a blob where a tree should be`, true},
	}, "file://"+r.dir)
	checkRefusals(t, r, []refusal{
		{"dotdot", "", `not a name`, true},
		{"dot-git", "", `a spelling of ".git"`, true},
		{"dot-git-case", "", `a spelling of ".git"`, true},
		{"dot-git-short", "", `a spelling of ".git"`, true},
		{"dot-git-ntfs", "", `a spelling of ".git"`, true},
		{"dot-git-stream", "", `a spelling of ".git"`, true},
		{"dot-git-hfs", "", `a spelling of ".git"`, true},
		{"slash", "", `a name with a slash`, true},
		{"backslash", "", `a name with a slash`, true},
		{"twice", "", `in its folder twice`, true},
		{"device", "", `mode 20666`, true},
		{"deep", "", `a spelling of ".git"`, true},
		{"link-out", "", `leads out of the repository`, true},
		{"link-abs", "", `leads out of the repository`, true},
		{"link-by-link", "", `leads out of the repository`, true},
		{"link-loop", "", `lead to one another`, true},
	}, "file://"+r.dir, newGitServer(t, r.dir).url)
}

// refusal is a source that must not be applied: the words of the error and whether it is ErrUntrusted.
type refusal struct {
	ref, folder, want string
	untrusted         bool
}

func checkRefusals(t *testing.T, r *repo, tests []refusal, urls ...string) {
	for _, tt := range tests {
		for _, url := range urls {
			scheme, _, _ := strings.Cut(url, ":")
			t.Run(tt.ref+tt.folder+" by "+scheme, func(t *testing.T) {
				o := options(t)
				src, err := source.New(url, tt.ref, tt.folder)
				if err != nil {
					t.Fatal(err)
				}
				_, err = source.Checkout(t.Context(), src, o)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("want %q, got %v", tt.want, err)
				}
				if got := errors.Is(err, source.ErrUntrusted); got != tt.untrusted {
					t.Errorf("untrusted: %t: %v", got, err)
				}
				empty(t, o.Parent)
			})
		}
	}
}

func TestHugeTreesMeetTheLimit(t *testing.T) {
	r := newRepo(t)
	r.commit("files", "a", "12345", "b", "12345", "c/d", "12345")
	// Ten trees, each ten times the next: ten thousand million files in eleven objects.
	tree := r.input("100644 blob "+r.blob("x")+"\tf\n", "mktree")
	for range 10 {
		lines := ""
		for _, c := range "abcdefghij" {
			lines += "040000 tree " + tree + "\t" + string(c) + "\n"
		}
		tree = r.input(lines, "mktree")
	}
	r.git("update-ref", "refs/heads/bomb", r.git("commit-tree", "-m", "bomb", tree))
	chain := r.input("100644 blob "+r.blob("x")+"\tf\n", "mktree")
	for range 120 {
		chain = r.input("040000 tree "+chain+"\td\n", "mktree")
	}
	r.git("update-ref", "refs/heads/chain", r.git("commit-tree", "-m", "chain", chain))
	tests := []struct {
		name, ref, want string
		limits          source.Limits
	}{
		{"files", "main", "limit of 3 files", source.Limits{Files: 3, Bytes: 1 << 20, FileBytes: 1 << 20}},
		{"bytes", "main", "limit of 12 bytes in a tree", source.Limits{Files: 100, Bytes: 12, FileBytes: 1 << 20}},
		{"one file", "main", "limit of 4 bytes in a file", source.Limits{Files: 100, Bytes: 1 << 20, FileBytes: 4}},
		{"a tree of trees", "bomb", "limit of 100000 files", source.Limits{}},
		{"a chain of folders", "chain", "limit of 100 folders", source.Limits{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			o.Limits = tt.limits
			_, err := source.Checkout(t.Context(), r.source(tt.ref, ""), o)
			if !errors.Is(err, source.ErrLimit) || errors.Is(err, source.ErrUntrusted) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			empty(t, o.Parent)
		})
	}
}

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

func TestPins(t *testing.T) {
	r := newRepo(t)
	r.git("tag", "-a", "-m", "x", "v1")
	o := options(t)
	first, err := source.Checkout(t.Context(), r.source("v1", ""), o)
	if err != nil {
		t.Fatal(err)
	}
	pin := source.Pin{Commit: first.Commit, Tree: first.TreeHash}
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
	o.Pin = &source.Pin{Commit: two, Tree: first.TreeHash}
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

func TestOtherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot give a repository to another user; its refusal is not tested")
	}
	for _, what := range []string{"", ".git"} {
		r := newRepo(t)
		if err := os.Chown(filepath.Join(r.dir, what), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		o := options(t)
		_, err := source.Checkout(t.Context(), r.source("main", ""), o)
		if !errors.Is(err, source.ErrUntrusted) || !strings.Contains(err.Error(), "owned by another user (uid 65534)") {
			t.Errorf("checkout: %v", err)
		}
		if _, _, err = source.Describe(t.Context(), filepath.Join(r.dir, "main.hcl")); !errors.Is(err, source.ErrUntrusted) {
			t.Errorf("describe: %v", err)
		}
		if _, err = source.OpenLocal(r.dir); !errors.Is(err, source.ErrUntrusted) {
			t.Errorf("open: %v", err)
		}
		t.Setenv("SUDO_UID", "65534")
		if _, _, err = source.Describe(t.Context(), filepath.Join(r.dir, "main.hcl")); err != nil {
			t.Errorf("sudo of the owner: %v", err)
		}
		os.Unsetenv("SUDO_UID")
	}
}

func TestAlternatesAreRefused(t *testing.T) {
	r := newRepo(t)
	shared := filepath.Join(t.TempDir(), "shared")
	r.git("clone", "-q", "--shared", r.dir, shared)
	src, err := source.New(shared, "main", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = source.Checkout(t.Context(), src, options(t)); !errors.Is(err, source.ErrUntrusted) || !strings.Contains(err.Error(), "from outside") {
		t.Errorf("%v", err)
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

func TestOtherRepositories(t *testing.T) {
	r := newRepo(t)
	sha256 := filepath.Join(t.TempDir(), "sha256")
	r.git("init", "-q", "-b", "main", "--object-format=sha256", sha256)
	r.git("-C", sha256, "commit", "-q", "--allow-empty", "-m", "x")
	unborn := filepath.Join(t.TempDir(), "unborn")
	r.git("init", "-q", "-b", "main", unborn)
	bare := filepath.Join(t.TempDir(), "bare.git")
	r.git("clone", "-q", "--bare", r.dir, bare)
	for _, tt := range []struct{ name, dir, ref, want string }{
		{"sha256", sha256, "main", "object format sha256 is not supported"},
		{"no commit", unborn, "main", "neither a tag nor a branch"},
		{"no commit, no ref", unborn, "", "has no default branch"},
		{"not a repository", t.TempDir(), "main", "not a git repository"},
		{"bare", bare, "main", ""},
		{"bare, no ref", bare, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := checkout(t, "file://"+tt.dir, tt.ref, options(t))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
	for _, tt := range []struct{ name, dir, want string }{
		{"sha256", sha256, "object format sha256 is not supported"}, {"no commit", unborn, "empty"}, {"bare", bare, ""},
	} {
		t.Run(tt.name+" by https", func(t *testing.T) {
			_, err := checkout(t, newGitServer(t, tt.dir).url, "main", options(t))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}
