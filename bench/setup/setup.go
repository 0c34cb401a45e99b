// Package setup is what the benchmarks share before and after they measure: the program, what is said of the machine, and pages that are written by hand in part.
package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Build builds programs of this repository, as they are released, into the folder out, which ends with a slash, or one into the file out.
func Build(ctx context.Context, out string, packages ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", out}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	return nil
}

// Machine says when and where is measured, and with what else.
func Machine(with ...string) string {
	release := "unknown"
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release = unix.ByteSliceToString(u.Release[:])
	}
	all := append([]string{fmt.Sprintf("%d processors", runtime.NumCPU()), "Linux " + release}, with...)
	return fmt.Sprintf("Last measured %s: %s, load before %s.", time.Now().UTC().Format(time.DateOnly), strings.Join(all, ", "), Load())
}

// Load is the mean number of processes that wanted a processor in the last minute.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	if err != nil {
		return "unknown"
	}
	return first
}

// WritePage writes a page, and keeps what is written by hand in it: all from the heading byHand on.
func WritePage(name, text, byHand string) error {
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, notes, _ := strings.Cut(string(old), byHand)
	return os.WriteFile(name, []byte(text+"\n"+byHand+cmp.Or(notes, "\n")), 0o644)
}
