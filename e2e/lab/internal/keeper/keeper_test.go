package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab/internal/cgroup"
)

// root skips a test that namespaces cannot be made for.
func root(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("namespaces are not tested: only root can make them")
	}
	if _, _, err := cgroup.Mounts(); err != nil {
		t.Skip("namespaces are not tested: " + err.Error())
	}
}

// What runs inside is in a world of its own, of which nothing is left at the end.
func TestOpen(t *testing.T) {
	root(t)
	runs := t.TempDir()
	k, err := Open(t.Context(), runs, "echo made > /run/lab/script\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	if text, err := os.ReadFile(filepath.Join(k.Dir, "script")); err != nil || string(text) != "made\n" {
		t.Errorf("what the script made: %q, %v", text, err)
	}
	const look = `[ "$(cat /proc/1/comm)" = sh ] && echo seen > /run/lab/look`
	if err := k.Run(t.Context(), "sh", "-ec", look); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(k.Dir, "look")); err != nil || string(text) != "seen\n" {
		t.Errorf("what a command made: %q, %v", text, err)
	}
	if err := k.Run(t.Context(), "sh", "-c", "echo why >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "exit status 3: why") {
		t.Errorf("a command that fails: %v", err)
	}
	for _, dir := range []string{k.Tmp, k.Cgroup} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{k.Tmp, k.Cgroup, fmt.Sprintf("/proc/%d", k.Pid)} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s is left", name)
		}
	}
}

// A script that fails says why, and leaves nothing.
func TestOpenFails(t *testing.T) {
	root(t)
	runs := t.TempDir()
	k, err := Open(t.Context(), runs, "echo no such luck >&2\nfalse\n")
	if err == nil {
		k.Close()
		t.Fatal("opened")
	}
	if !strings.Contains(err.Error(), "no such luck") {
		t.Error(err)
	}
	if left, err := os.ReadDir(runs); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// What a maker that is gone has left is removed, by its process and the time that this was started; what lives, and what is another's, stays.
func TestClean(t *testing.T) {
	root(t)
	runs := t.TempDir()
	mine, err := owned()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{mine + "1", fmt.Sprintf("%s%d-1-2", prefix, os.Getpid()), prefix + "999999999-1-3", "other"} {
		if err := os.Mkdir(filepath.Join(runs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clean(runs); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, err := os.ReadDir(runs)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{mine + "1", "other"}, left); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
