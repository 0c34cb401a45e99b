//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDisks brings content to folders that cannot take it: the resource fails, says why, and what was there is there.
func TestDisks(t *testing.T) {
	tests := map[string]struct {
		folder func(t *testing.T) string // made so that it holds the file conf
		want   string
	}{
		"few bytes": {func(t *testing.T) string {
			dir := mounted(t, "tmpfs", "tmpfs", "size=64k")
			writeFile(t, filepath.Join(dir, "conf"), oldConf, 0o644)
			return dir
		}, "no space left on device"},
		"few inodes": {func(t *testing.T) string {
			dir := mounted(t, "tmpfs", "tmpfs", "nr_inodes=2")
			writeFile(t, filepath.Join(dir, "conf"), oldConf, 0o644)
			return dir
		}, "no space left on device"},
		"immutable": {func(t *testing.T) string {
			dir := newDisk(t, "ext4").dir
			writeFile(t, filepath.Join(dir, "conf"), oldConf, 0o644)
			command(t, "chattr", "+i", filepath.Join(dir, "conf"))
			return dir
		}, "operation not permitted"},
		"read-only bind mount": {func(t *testing.T) string {
			dir := mounted(t, "tmpfs", "tmpfs", "")
			writeFile(t, filepath.Join(dir, "conf"), oldConf, 0o644)
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "read-only file system"},
	}
	big := strings.Repeat("0123456789abcdef", 1<<13)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(test.folder(t), "conf")
			end := applyText(t, onTmpfs(t), fmt.Sprintf("file %q { content = %q }\n", target, big))
			refused(t, end, target, test.want)
		})
	}
}

// refused checks how a run ended that could not change target.
func refused(t *testing.T, end ending, target, reason string) {
	t.Helper()
	for _, want := range []string{"main.hcl:1", fmt.Sprintf("file[%q]: failed", target), reason, "old content kept"} {
		if !strings.Contains(end.stdout, want) {
			t.Errorf("the output does not say %q", want)
		}
	}
	if end.code != 4 {
		t.Errorf("exit code %d, want 4", end.code)
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != oldConf {
		t.Errorf("%s: %d bytes, %v; want the old content", target, len(b), err)
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".apply.*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %q, %v", names, err)
	}
	if t.Failed() {
		t.Log(end.output())
	}
}

// TestFailingFUSE has one operation after the other of a file system fail.
func TestFailingFUSE(t *testing.T) {
	f := newFaulty(t)
	target := filepath.Join(f.dir, "conf")
	for _, op := range []string{"create", "write", "fsync", "rename", "setattr"} {
		t.Run(op, func(t *testing.T) {
			f.fails("", 0)
			writeFile(t, target, oldConf, 0o644)
			f.fails(op, syscall.EIO)
			end := applyText(t, onTmpfs(t), fmt.Sprintf("file %q {\n  content = \"new\\n\"\n  mode = \"0640\"\n}\n", target))
			f.fails("", 0)
			refused(t, end, target, "input/output error")
		})
	}
}

// TestHangingFUSE has a file system hang: its resource times out, the rest goes on, and the program ends.
func TestHangingFUSE(t *testing.T) {
	for _, op := range []string{"lookup", "getattr"} {
		t.Run(op, func(t *testing.T) {
			f := newFaulty(t)
			target := filepath.Join(f.dir, "conf")
			writeFile(t, filepath.Join(f.back, "conf"), oldConf, 0o644)
			dir := onTmpfs(t)
			f.hangs(op)
			defer time.AfterFunc(time.Minute, f.release).Stop() // or a program that hangs in it would never end
			begin := time.Now()
			end := applyText(t, dir, fmt.Sprintf(`
file %q {
  content = "new\n"
  timeout = "1s"
}
file "%s/other" { content = "new\n" }
exec "rest" { command = "true" }
`, target, dir))
			took := time.Since(begin)
			f.release()
			if took > 50*time.Second {
				t.Errorf("took %v: it ended only when it was let go", took)
			}
			for _, want := range []string{"timed out after", "other\"]: changed", "exec.rest: changed"} {
				if !strings.Contains(end.stdout, want) {
					t.Errorf("the output does not say %q", want)
				}
			}
			if end.code != 4 {
				t.Errorf("exit code %d, want 4", end.code)
			}
			t.Logf("took %v", took)
			if t.Failed() {
				t.Log(end.output())
			}
		})
	}
}

// TestFlagsArePlanned: a plan says what a flag of chattr would have a run fail for, unless something before it may take the flag off.
func TestFlagsArePlanned(t *testing.T) {
	target := filepath.Join(newDisk(t, "ext4").dir, "conf")
	writeFile(t, target, oldConf, 0o644)
	command(t, "chattr", "+i", target)
	declared := fmt.Sprintf("file %q { content = \"new\\n\" }\n", target)
	freed := fmt.Sprintf("exec \"free\" {\n  command = \"chattr -i %s\"\n  before  = [file[%q]]\n}\n", target, target)
	const immutable = "operation not permitted: it is immutable (chattr +i); `chattr -i` takes that off"
	for _, step := range []struct {
		text, noop, want string
		code             int
	}{
		{declared, "--noop", immutable, 4},
		{declared + freed, "--noop", immutable, 0}, // pending
		{declared + freed, "--noop=false", "2/2", 0},
	} {
		end := applyText(t, onTmpfs(t), step.text, step.noop)
		if end.code != step.code || !strings.Contains(end.stdout, step.want) {
			t.Errorf("%s: want exit code %d and %q, got %d\n%s", step.noop, step.code, step.want, end.code, end.output())
		}
	}
}
