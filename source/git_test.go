package source_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/source"
)

// repo is a real repository made by the git command.
type repo struct {
	t   testing.TB
	dir string
	env []string
}

// newRepo makes a work tree with one commit of main.hcl on the branch main.
func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), "repo")}
	r.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.org"}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	r.commit("one", "main.hcl", "one\n")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	return r.input("", args...)
}

// input runs git with standard input and returns its output without the last newline.
func (r *repo) input(stdin string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, r.env, strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// write puts files, name and content in turn, into the work tree.
func (r *repo) write(files ...string) {
	r.t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(r.dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

// commit writes files and commits everything; it returns the commit.
func (r *repo) commit(message string, files ...string) string {
	r.t.Helper()
	r.write(files...)
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.head()
}

func (r *repo) head() string { r.t.Helper(); return r.git("rev-parse", "HEAD") }

// tree makes a commit of the given `mode hash<TAB>name` lines and the branch name for it, without git's checks.
func (r *repo) rawTree(branch string, lines ...string) {
	r.t.Helper()
	var raw []byte
	for _, line := range lines {
		head, name, _ := strings.Cut(line, "\t")
		mode, digits, _ := strings.Cut(head, " ")
		raw = append(raw, (mode + " " + name + "\x00")...)
		for i := 0; i < len(digits); i += 2 {
			raw = append(raw, unhex(digits[i])<<4|unhex(digits[i+1]))
		}
	}
	tree := r.input(string(raw), "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
	commit := r.input("tree "+tree+"\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nhostile\n",
		"hash-object", "-t", "commit", "--literally", "-w", "--stdin")
	r.git("update-ref", "refs/heads/"+branch, commit)
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func (r *repo) blob(content string) string {
	r.t.Helper()
	return r.input(content, "hash-object", "-w", "--stdin")
}

// source is the repository at ref by its file URL.
func (r *repo) source(ref, folder string) source.Source {
	r.t.Helper()
	s, err := source.New("file://"+r.dir, ref, folder)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// options are those of a fresh state folder.
func options(t testing.TB) source.Options {
	return source.Options{StateDir: t.TempDir(), Parent: t.TempDir()}
}

// files reads a folder back: name to "mode content"; folders end in a slash, links begin with ->.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		perm := info.Mode().Perm().String()
		switch {
		case d.IsDir():
			got[name+"/"] = perm
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			got[name] = "-> " + target
			return err
		default:
			content, err := os.ReadFile(path)
			got[name] = perm + " " + string(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// empty fails the test when dir has anything in it.
func empty(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("%s: %v is left behind", dir, entries)
	}
}
