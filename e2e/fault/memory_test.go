//go:build linux && amd64

package fault

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// bound is what a run may take at most, whatever passes through it.
const bound = 200 << 20

// TestMemory floods a run: with output, and with content that is larger than any memory.
func TestMemory(t *testing.T) {
	flood := "300M"
	if whole {
		flood = "5G"
	}
	lines := map[string]string{
		"output without lines":  "head -c " + flood + " /dev/zero",
		"output in short lines": "yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 20M",
	}
	for name, line := range lines {
		dir := onTmpfs(t)
		main := filepath.Join(dir, "main.hcl")
		writeFile(t, main, fmt.Sprintf("exec \"flood\" {\n  command = %q\n  logoutput = true\n  timeout = \"30m\"\n}\n", line), 0o644)
		code, peak := flooded(t, programs.apply, "--state-dir", filepath.Join(dir, "state"), main)
		if code != 0 || peak > bound {
			t.Errorf("%s: exit code %d, peak %d MiB, want at most %d", name, code, peak>>20, bound>>20)
		}
		record(t, "peak memory, "+name+" ("+line+")", mib(peak), "keeps at most 300 MB of it: "+mib(hoarded(t, line)))
	}

	dir := t.TempDir()
	target := filepath.Join(dir, "sparse")
	for name, text := range map[string]string{
		"mode":    "mode = \"0600\"",
		"content": "content = \"small\\n\"",
	} {
		writeFile(t, target, "", 0o644)
		if err := os.Truncate(target, 1<<40); err != nil {
			t.Fatal(err)
		}
		end := applyText(t, dir, fmt.Sprintf("file %q {\n  %s\n}\n", target, text))
		if end.code != 0 || end.peak > bound {
			t.Errorf("%s of a sparse file of 1 TiB: exit code %d, peak %d MiB\n%s", name, end.code, end.peak>>20, end.output())
		}
		record(t, "peak memory, "+name+" of a sparse file of 1 TiB", mib(end.peak), "-")
	}
}

// hoarded is the peak of a control that keeps what the flood prints, of the whole one a part.
func hoarded(t *testing.T, line string) int64 {
	t.Helper()
	_, peak := flooded(t, programs.control, "hoard", "/", "("+line+") 2>/dev/null | head -c 300M")
	if _, small := flooded(t, programs.control, "hoard", "/", "true"); peak < small+(15<<20) {
		t.Errorf("the harness saw only %d MiB of a control that keeps all", peak>>20)
	}
	return peak
}

// flooded runs a program whose output nobody keeps.
func flooded(t *testing.T, args ...string) (code int, peak int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

func mib(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
