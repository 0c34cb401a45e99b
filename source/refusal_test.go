package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/source"
)

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
		{"main", "mian.hcl", `did you mean "main.hcl"?`, false},
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
