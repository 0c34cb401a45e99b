// Package sealed runs commands that cannot outlive their caller: each gets mount and process namespaces of its own, so whatever
// it mounts or leaves running (an overlay, a gpg-agent) is ended by the kernel with it, also when the caller is killed.
package sealed

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// Command returns the command argv in fresh mount and process namespaces. Needs root.
func Command(ctx context.Context, argv ...string) *exec.Cmd {
	unshare := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"}
	cmd := exec.CommandContext(ctx, "unshare", append(unshare, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// Run runs the command argv in the folder dir ("" is the current one) and returns its standard output. An error carries the end
// of what it printed.
func Run(ctx context.Context, dir string, argv ...string) (string, error) {
	cmd := Command(ctx, argv...)
	cmd.Dir = dir
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	runtime.LockOSThread() // the kernel ends the command with the thread that started it, which another goroutine might lock, and end
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s\n%s", strings.Join(argv, " "), err, tail(out.String()), tail(messages.String()))
	}
	return out.String(), nil
}

// tail returns the end of s.
func tail(s string) string { return strings.TrimSpace(s[max(0, len(s)-4096):]) }
