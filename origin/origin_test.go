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

	"github.com/nodeapply/apply/resources/all"
	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
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
	one := c.Contents("read " + got.Path + "/f, " + got.Path)
	write(t, got.Path, "f", "other\n")
	two := c.Contents("read " + got.Path + "/f, " + got.Path)
	if one == two || !strings.HasPrefix(one, "read f (sha256:") || !strings.HasSuffix(one, "), .") {
		t.Errorf("%q, and with another content %q", one, two)
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

func set(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

func TestSent(t *testing.T) {
	seat, node := t.TempDir(), t.TempDir()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	write(t, seat, "web/main.hcl", "")
	for name, test := range map[string]struct {
		origin    Origin
		dir, file string
		want      Sent
	}{
		"a file": {
			Origin{Name: "web/main.hcl", Source: "/srv/web/main.hcl", Path: seat + "/web/main.hcl", Commit: "c", Dirty: true},
			seat + "/web", "main.hcl", Sent{Name: "web/main.hcl", Source: host + ":/srv/web/main.hcl", Commit: "c", Dirty: true},
		},
		"a folder": {Origin{Name: "web", Source: "/srv/web", Path: seat + "/web"}, seat + "/web", ".", Sent{Name: "web", Source: host + ":/srv/web"}},
		"of a repository": {
			Origin{Name: "git::file:///s//web?ref=v1", Source: "git::file:///s//web", Ref: "v1", Path: seat + "/web", Within: seat},
			seat, "web", Sent{Name: "git::file:///s//web?ref=v1", Source: "git::file:///s//web", Ref: "v1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file, sent, err := test.origin.Sending()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{test.dir, test.file, test.want}, []any{dir, file, sent}); diff != "" {
				t.Error(diff)
			}
		})
	}
	write(t, node, "sent.json", `{"name":"web","source":"seat:/srv/web","ref":"v1","commit":"c","dirty":true}`, "m/main.hcl", "", "bad.json", "{")
	c, _ := opened(t, t.TempDir(), Options{})
	got, err := c.Sent(node+"/m", node+"/sent.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Origin{Name: "web", Source: "seat:/srv/web", Ref: "v1", Commit: "c", Dirty: true, Path: node + "/m"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Sent(node+"/m", node+"/bad.json"); err == nil || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestSum(t *testing.T) {
	dir := write(t, t.TempDir(), "main.hcl", "a", "more.hcl.json", "{}", lockfile.Name, "# lock", "other.txt", "x")
	sum := func(path string) string {
		t.Helper()
		s, err := Sum(source.Source{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := sum(dir)
	for name, counts := range map[string]bool{"main.hcl": true, "more.hcl.json": true, lockfile.Name: true, "other.txt": false} {
		old, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, "changed")
		if got := sum(dir) != before; got != counts {
			t.Errorf("%s: another sum is %t, want %t", name, got, counts)
		}
		write(t, dir, name, string(old))
	}
	if sum(dir+"/main.hcl") == before {
		t.Error("one file of a folder has the sum of them all")
	}
	if s, err := Sum(source.Source{URL: "file:///s", Ref: "c0ffee"}); s != "c0ffee" || err != nil {
		t.Errorf("a commit: %s, %v", s, err)
	}
}
