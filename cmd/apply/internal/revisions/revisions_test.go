package revisions_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/revisions"
)

// site is a repository with two tagged revisions of a manifest, and a state folder.
type site struct{ dir, state, target string }

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), state: filepath.Join(t.TempDir(), "state"), target: filepath.Join(t.TempDir(), "target")}
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", s.dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git: %v: %s", err, out)
		}
	}
	git("init", "-q")
	for _, tag := range []string{"v1", "v2"} {
		text := "file \"" + s.target + "\" {\n  content = \"" + tag + "\"\n}\n"
		if err := os.WriteFile(filepath.Join(s.dir, "main.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-qm", tag)
		git("tag", tag)
	}
	return s
}

// apply runs the program with these commands alone.
func (s *site) apply(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("APPLY_STATE_DIR", s.state)
	var out, errs bytes.Buffer
	root := func(a *cli.App) *cobra.Command {
		cmd := &cobra.Command{Use: "apply", SilenceErrors: true, SilenceUsage: true}
		cmd.AddCommand(revisions.Commands(a)...)
		return cmd
	}
	code = cli.Main(root, args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestDiff(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // a part of it
	}{
		{"two revisions", []string{"v1", "v2", s.dir}, 0, "diff v1 v2: ", ""},
		{"in the exit code", []string{"--detailed-exitcode", "v1", "v2", s.dir}, 2, "diff v1 v2: ", ""},
		{"the same", []string{"--detailed-exitcode", "v2", "HEAD", s.dir}, 0, "diff v2 HEAD: ", ""},
		{"of a repository", []string{"--git", s.dir, "v1", "v2", "main.hcl"}, 0, "diff v1 v2: ", ""},
		{"no such revision", []string{"v1", "v3", s.dir}, 1, "", "revision v3: "},
		{"a third revision", []string{"--git", s.dir, "--ref", "v1", "v1", "v2"}, 1, "", "--ref: the revisions are given as REV1 and REV2"},
		{"one alone", []string{"v1"}, 1, "", "want `apply diff [flags] REV1 REV2 [PATH]`, got [\"v1\"]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := s.apply(t, append([]string{"diff"}, tt.args...)...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) || tt.stdout == "" && stdout != "" {
				t.Errorf("want %d, %q and %q; got %d, %q and %q", tt.code, tt.stdout, tt.stderr, code, stdout, stderr)
			}
		})
	}
	if _, err := os.Stat(s.target); err == nil {
		t.Error("a comparison has written")
	}
}

func TestRollbackWhereNothingRan(t *testing.T) {
	s := newSite(t)
	for _, args := range [][]string{nil, {"v1"}, {"--noop"}} {
		code, stdout, stderr := s.apply(t, append([]string{"rollback"}, args...)...)
		if code != 1 || stdout != "" || stderr != "apply: no run of a manifest from git is on record\n" {
			t.Errorf("%v: %d, %q and %q", args, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(s.target); err == nil {
		t.Error("it has gone where nothing was")
	}
}

func TestLockWithoutModules(t *testing.T) {
	s := newSite(t)
	code, stdout, stderr := s.apply(t, "lock", filepath.Join(s.dir, "main.hcl"))
	if diff := cmp.Diff(0, code); diff != "" {
		t.Errorf("%s%s%s", diff, stdout, stderr)
	}
	if code, _, stderr := s.apply(t, "lock", filepath.Join(s.dir, "none.hcl")); code != 1 || !strings.Contains(stderr, "none.hcl") {
		t.Errorf("a manifest that is not there: %d, %q", code, stderr)
	}
}
