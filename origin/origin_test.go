package origin

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
)

// git runs git in a folder and returns what it prints.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.org"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// write puts files, name and content in turn, into a folder, and returns it.
func write(t *testing.T, dir string, files ...string) string {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commit makes a commit of files with a tag and returns it; the first makes the repository.
func commit(t *testing.T, dir, tag string, files ...string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		git(t, write(t, dir, "README", ""), "init", "-q", "-b", "main")
	}
	write(t, dir, files...)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", tag)
	git(t, dir, "tag", "-f", tag)
	return git(t, dir, "rev-parse", "HEAD")
}

// opened returns Checkouts below a state folder, which are closed at the test's end, and what they warn of.
func opened(t *testing.T, state string, o Options) (*Checkouts, *[]string) {
	t.Helper()
	var warnings []string
	o.State = func() (string, error) { return state, nil }
	o.Warn = func(text string) { warnings = append(warnings, text) }
	c := New(o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, &warnings
}

func parse(t *testing.T, text string) source.Source {
	t.Helper()
	src, err := source.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	site, dirty, plain := filepath.Join(dir, "site"), filepath.Join(dir, "dirty"), filepath.Join(dir, "plain")
	first := commit(t, site, "v1", "web/main.hcl", "# one\n")
	second := commit(t, site, "v2", "web/main.hcl", "# two\n")
	git(t, dir, "clone", "-q", site, dirty)
	write(t, dirty, "web/main.hcl", "# changed\n")
	write(t, plain, "main.hcl", "# plain\n")
	for name, test := range map[string]struct {
		path    string
		want    Origin // Path and Within are what the command checks out
		content string
	}{
		"a tag": {
			"git::file://" + site + "//web?ref=v1",
			Origin{Name: "git::file://" + site + "//web?ref=v1", Source: "git::file://" + site + "//web", Ref: "v1", Commit: first, Shown: "web"}, "# one\n",
		},
		"no ref": {"git::file://" + site + "//web", Origin{Name: "git::file://" + site + "//web", Source: "git::file://" + site + "//web", Commit: second, Shown: "web"}, "# two\n"},
		"a clean work tree": {
			site + "/web", Origin{Name: site + "/web", Source: site + "/web", Ref: "main", Commit: second, Path: site + "/web"}, "# two\n",
		},
		"a changed work tree": {
			dirty + "/web", Origin{Name: dirty + "/web", Source: dirty + "/web", Ref: "main", Commit: second, Dirty: true, Path: dirty + "/web"}, "# changed\n",
		},
		"no repository": {plain, Origin{Name: plain, Source: plain, Path: plain}, "# plain\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c, warnings := opened(t, t.TempDir(), Options{})
			got, err := c.Find(t.Context(), parse(t, test.path))
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(filepath.Join(got.Path, "main.hcl"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.content, string(content)); diff != "" {
				t.Error(diff)
			}
			if test.want.Path == "" {
				if !c.Has(got.Path) || filepath.Join(got.Within, "web") != got.Path {
					t.Errorf("%s is in no checkout, or not in %s", got.Path, got.Within)
				}
				got.Path, got.Within = "", ""
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if len(*warnings) > 0 {
				t.Errorf("warnings: %q", *warnings)
			}
		})
	}
}

func TestRevision(t *testing.T) {
	site := filepath.Join(t.TempDir(), "site")
	first := commit(t, site, "v1", "main.hcl", "# one\n")
	commit(t, site, "v2", "main.hcl", "# two\n")
	c, _ := opened(t, t.TempDir(), Options{})
	got, err := c.Revision(t.Context(), site, "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	want := Origin{Name: site, Source: site, Ref: "HEAD~1", Commit: first, Path: got.Within, Shown: ".", Within: got.Within}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	write(t, got.Path, "f", "content\n")
	text := c.Rewrite("read " + got.Path + "/f")
	if diff := cmp.Diff("read git:"+first+"/f", text); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"f", "x [1], y;", "a b/c: 'd'"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(got.Path, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, got.Path, name, "content\n")
		one := c.Contents("read " + got.Path + "/" + name + ", " + got.Path)
		write(t, got.Path, name, "other\n")
		two := c.Contents("read " + got.Path + "/" + name + ", " + got.Path)
		if one == two || !strings.HasPrefix(one, "read "+name+" (sha256:") || !strings.HasSuffix(one, "), .") {
			t.Errorf("%q, and with another content %q", one, two)
		}
	}
	for _, name := range []string{"main.hcl", "main.hcl.json"} {
		module := write(t, filepath.Join(got.Path, "module of "+name), name, "")
		if diff := cmp.Diff("read module of "+name, c.Contents("read "+module)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestClose(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	site := filepath.Join(dir, "site")
	commit(t, site, "v1", "main.hcl", "")
	all := write(t, filepath.Join(state, "git/checkout"), "dead/source/main.hcl", "left by a command that was killed")
	other, _ := opened(t, state, Options{})
	if _, err := other.Find(t.Context(), parse(t, "git::file://"+site)); err != nil {
		t.Fatal(err)
	}
	names := func() int {
		entries, err := os.ReadDir(all)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if n := names(); n != 1 {
		t.Errorf("%d folders, want 1: what is left over is swept", n)
	}
	c, _ := opened(t, state, Options{})
	if _, err := c.Find(t.Context(), parse(t, "git::file://"+site)); err != nil {
		t.Fatal(err)
	}
	if n := names(); n != 2 {
		t.Errorf("%d folders, want 2: what another command uses stays", n)
	}
	if err := errors.Join(c.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if n := names(); n != 0 {
		t.Errorf("%d folders, want none", n)
	}
}
