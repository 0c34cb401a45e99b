package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
	rp "github.com/nodeapply/apply/e2e/lab/repo"
)

// apply runs the program inside the tree, with a manifest, and returns its exit code and what it printed.
func (n *tree) apply(t *testing.T, manifest string, args ...string) (code int, out string) {
	t.Helper()
	program := filepath.Join(n.dir, "apply")
	if _, err := os.Lstat(program); err != nil {
		run(t, "cp", lab.Binary(t), program)
	}
	args = append([]string{n.dir, "/apply"}, args...)
	if manifest != "" {
		n.write(t, "/main.hcl", manifest)
		args = append(args, "--state-dir", "/var/lib/apply", "--detailed-exitcode", "/main.hcl")
	}
	defer n.showProcesses(t)()
	b, err := exec.CommandContext(t.Context(), "chroot", args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(b)
}

// inspected prints the repositories of the tree as a manifest, whose plan finds nothing to do, and returns their names.
func (n *tree) inspected(t *testing.T) string {
	t.Helper()
	code, printed := n.apply(t, "", "inspect", "repo:*")
	if code != 0 || printed == "" {
		t.Fatalf("inspect: exit code %d\n%s", code, printed)
	}
	if code, out := n.apply(t, printed, "plan"); code != 0 {
		t.Errorf("the plan of what was inspected: exit code %d\n%s\n%s", code, printed, out)
	}
	var names []string
	for line := range strings.Lines(printed) {
		if name, ok := strings.CutPrefix(line, `repo "`); ok {
			names = append(names, strings.TrimSuffix(strings.TrimSpace(name), `" {`))
		}
	}
	return strings.Join(names, " ")
}

// TestAnothersFailure is a run of the program beside a package that its own script keeps from being configured: the resource's outcome is its own, and so
// is the exit code; the other is named.
func TestAnothersFailure(t *testing.T) {
	n := newTree(t, image.Base)
	key, err := rp.NewKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n.debs(t, key, "one",
		rp.Package{Name: "tool", Version: "1.0"}, rp.Package{Name: "tool", Version: "2.0"},
		rp.Package{Name: "guilty", Version: "1", Scripts: map[string]string{"postinst": "echo its own fault >&2; exit 7"}},
	)
	const declared = `repo "one" {
  uris       = ["file:/srv/one"]
  suites     = ["stable"]
  components = ["main"]
  trusted    = true
}

package "tool" {
  ensure = "`
	manifest := func(version, more string) string { return declared + version + "\"\n}\n" + more }
	const guilty = "package \"guilty\" {\n}\n"
	for _, step := range []struct {
		name, manifest string
		code           int
		words          []string
	}{
		{"the guilty one fails, and nothing else", manifest("1.0", guilty), 6, []string{"package.guilty: failed", "package.tool: changed", "installed guilty package post-installation script", "exit status 7"}},
		{"not declared any more: no failure of ours", manifest("2.0", ""), 2, []string{"package.tool: changed", "another package failed: guilty is not configured"}},
		{"nothing to do", manifest("2.0", ""), 0, nil},
		{"removed beside it", manifest("absent", ""), 2, []string{"package.tool: changed", "another package failed: guilty is not configured"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			code, out := n.apply(t, step.manifest)
			if code != step.code {
				t.Errorf("exit code %d, want %d\n%s", code, step.code, out)
			}
			for _, w := range step.words {
				if !strings.Contains(out, w) {
					t.Errorf("want %q in\n%s", w, out)
				}
			}
		})
	}
	t.Run("without /proc", func(t *testing.T) { // everything would seem to be absent
		out, err := exec.CommandContext(t.Context(), "chroot", n.dir, "/apply", "/main.hcl").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "mount -t proc") {
			t.Errorf("want the missing /proc named: %v, %s", err, out)
		}
	})
	if diff := cmp.Diff("install ok half-configured", n.in(t, "dpkg-query -W -f='${Status}' guilty")); diff != "" {
		t.Error(diff)
	}
}
