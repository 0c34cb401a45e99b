//go:build linux && amd64

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// TestJournalThatCannotBeWritten fills the disk of the state folder: before the first change nothing is changed, later nothing new starts.
func TestJournalThatCannotBeWritten(t *testing.T) {
	dir := onTmpfs(t)
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	text := fmt.Sprintf("file %q { content = \"1\" }\nfile %q {\n  content = \"2\"\n  require = [file[%q]]\n}\n", one, two, one)
	unwritable := map[string]func(t *testing.T, state string){
		"full": func(t *testing.T, state string) {
			mountAt(t, state, "tmpfs", "tmpfs", "size=16k,mode=700")
			if err := os.WriteFile(filepath.Join(state, "fill"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		},
		"without inodes": func(t *testing.T, state string) { mountAt(t, state, "tmpfs", "tmpfs", "nr_inodes=3,mode=700") },
		"read-only": func(t *testing.T, state string) {
			mountAt(t, state, "tmpfs", "tmpfs", "mode=700")
			if err := unix.Mount("", state, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, make := range unwritable {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(dir, "state")
			if err := errors.Join(os.RemoveAll(state), os.Mkdir(state, 0o700)); err != nil {
				t.Fatal(err)
			}
			make(t, state)
			end := applyText(t, dir, text)
			if end.code != 1 {
				t.Errorf("exit code %d, want 1\n%s", end.code, end.output())
			}
			if name == "read-only" && !strings.Contains(end.output(), "give another state folder by --state-dir") {
				t.Errorf("what to do is not told\n%s", end.output())
			}
			for _, name := range []string{one, two} {
				if _, err := os.Lstat(name); !os.IsNotExist(err) {
					t.Errorf("%s was made (%v)", name, err)
				}
			}
			if err := unix.Unmount(state, 0); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("later", func(t *testing.T) {
		main := filepath.Join(dir, "main.hcl")
		writeFile(t, main, text, 0o644)
		state := filepath.Join(dir, "later")
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		made := false
		res, err := ptrace.Run(ctx, ptrace.Options{
			Args: []string{programs.apply, "--parallel", "1", "--state-dir", state, main}, Env: os.Environ(), Dir: "/",
			At: func(c ptrace.Call) ptrace.Verdict {
				made = made || c.Name == "linkat" && c.Path == one
				if made && strings.HasSuffix(c.Path, ".journal") {
					return ptrace.Verdict{Errno: syscall.ENOSPC}
				}
				return ptrace.Verdict{}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if res.ExitCode != 4 || !strings.Contains(res.Output, "no space left on device") {
			t.Errorf("exit code %d, want 4\n%s", res.ExitCode, res.Output)
		}
		if _, err := os.Lstat(two); !os.IsNotExist(err) {
			t.Errorf("a change was started without a journal (%v)\n%s", err, res.Output)
		}
		if b, err := os.ReadFile(one); err != nil || string(b) != "1" {
			t.Errorf("the change before is %q (%v)", b, err)
		}
	})
	record(t, "changes begun with a journal that cannot be written", "0 of 4 cases", "-")
}

// TestPreimageCap changes and removes files that are larger than what the store keeps: the plan says that they do not come back.
func TestPreimageCap(t *testing.T) {
	dir := t.TempDir()
	changed, removed := filepath.Join(dir, "changed"), filepath.Join(dir, "removed")
	for _, name := range []string{changed, removed} {
		writeFile(t, name, "", 0o600)
		if err := os.Truncate(name, 1<<30+1); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf("file %q { content = \"small\\n\" }\nfile %q { ensure = \"absent\" }\n", changed, removed)
	for _, args := range [][]string{{"--noop", "--json"}, {"--json"}} {
		end := applyText(t, dir, text, args...)
		if got := strings.Count(end.stdout, `"reversible":false`); got != 2 || end.code != 0 {
			t.Errorf("%q: exit code %d, %d changes are irreversible, want 2\n%s", args, end.code, got, end.output())
		}
	}
	if b, err := os.ReadFile(changed); err != nil || string(b) != "small\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Lstat(removed); !os.IsNotExist(err) {
		t.Errorf("%s is there (%v)", removed, err)
	}
	undo := runProgram(t, limit, programs.apply, "--state-dir", filepath.Join(dir, "state"), "undo")
	if got := strings.Count(undo.stdout, "irreversible ("); got != 2 || undo.code == 0 {
		t.Errorf("undo: exit code %d, %d are called irreversible, want 2\n%s", undo.code, got, undo.output())
	}
}
