//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// naughty are commands that try to outlive their timeout, each with what it needs to be caught by.
var naughty = map[string]string{
	"forks":                 "sleep 86401 & sleep 86401",
	"ignores TERM":          "trap '' TERM; while :; do sleep 86401; done",
	"a session of its own":  "setsid sleep 86401 & sleep 86401",
	"a daemon deaf to TERM": "(setsid sh -c 'trap \"\" TERM; while :; do sleep 86401; done' &); sleep 86401",
}

// TestSurvivors lets commands run into their timeout: the report says so, and nothing of them is left.
func TestSurvivors(t *testing.T) {
	dir := onTmpfs(t)
	left, red := 0, 0
	for name, line := range naughty {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(line, "setsid") && cgroup == "" {
				t.Skip("no control groups (version 2): who leaves the process group is not found again")
			}
			end := applyText(t, dir, fmt.Sprintf("exec \"naughty\" {\n  command = %q\n  timeout = \"1s\"\n}\n", line))
			if end.code != 4 || !strings.Contains(end.stdout, "timed out after 1s") {
				t.Errorf("exit code %d\n%s", end.code, end.output())
			}
			if names := others(t); len(names) > 0 {
				left += len(names)
				t.Errorf("processes live on: %q", names)
			}
			runProgram(t, limit, programs.control, "orphan", dir, line)
			if len(others(t)) > 0 {
				red++
			}
			endOthers(t)
		})
	}
	if red == 0 {
		t.Error("the harness found no process of a control that ends only its child")
	}
	record(t, "processes left after a timeout", fmt.Sprintf("%d of %d commands", left, len(naughty)), fmt.Sprintf("ends its child only: %d of %d red", red, len(naughty)))
}

// TestDaemon starts a daemon by a command that ends well: it lives on.
func TestDaemon(t *testing.T) {
	end := applyText(t, onTmpfs(t), "exec \"daemon\" { command = \"setsid sleep 86402 >/dev/null 2>&1 &\" }\n")
	if end.code != 0 {
		t.Errorf("exit code %d\n%s", end.code, end.output())
	}
	if names := others(t); len(names) != 1 {
		t.Errorf("processes after the run: %q, want the daemon", names)
	}
	endOthers(t)
}

// TestKilledCommand kills the run while a command's own child works: the next run ends what is left.
func TestKilledCommand(t *testing.T) {
	if cgroup == "" {
		t.Skip("no control groups (version 2): grandchildren of a killed run are not found again")
	}
	dir := onTmpfs(t)
	deep := fifo(t, dir, "deep")
	paused := pause(t, dir, "/bin/sh -c 'echo $$ > "+deep+"; sleep 86403; true'; true")
	pidFrom(t, deep)
	if err := paused.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = paused.cmd.Wait()
	if len(others(t)) == 0 {
		t.Error("nothing of the killed run lives: nothing was tested")
	}
	if end := applyText(t, dir, "file \""+dir+"/other\" { content = \"x\" }\n"); end.code != 0 {
		t.Errorf("exit code %d\n%s", end.code, end.output())
	}
	if names := others(t); len(names) > 0 {
		t.Errorf("processes of the killed run live on: %q", names)
	}
	endOthers(t)
}

// TestKilledAccountTool kills the run in the middle of a program that makes a user: that comes to its end, for nobody would see which half of it is missing, and
// the next run waits for it.
func TestKilledAccountTool(t *testing.T) {
	useradd, err := exec.LookPath("useradd")
	if err != nil {
		t.Skip("no useradd: programs that change accounts are left out")
	}
	if cgroup == "" {
		t.Skip("no control groups (version 2): the next run does not know of whom to wait for")
	}
	dir := onTmpfs(t)
	ready, lock := fifo(t, dir, "ready"), filepath.Join(dir, "state", "lock")
	program, slow := filepath.Join(dir, "useradd"), filepath.Join(dir, "slow")
	command(t, "cp", useradd, program)
	// The first time it waits until another run has the lock.
	script := "mkdir " + filepath.Join(dir, "once") + " 2>&- && { was=$(cat " + lock + "); " + says(ready) + "while [ \"$(cat " + lock + ")\" = \"$was\" ]; do sleep 0.01; done; }"
	writeFile(t, slow, "#!/bin/sh\n"+script+"\nexec "+program+" \"$@\"\n", 0o755)
	if err := unix.Mount(slow, useradd, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(useradd, unix.MNT_DETACH) }()
	main := filepath.Join(dir, "main.hcl")
	writeFile(t, main, fmt.Sprintf("user \"ann\" {\n  uid = 2001\n  home = %q\n  managehome = true\n}\n", filepath.Join(dir, "ann")), 0o644)
	args := []string{"--state-dir", filepath.Join(dir, "state"), "--detailed-exitcode", main}
	killed := exec.CommandContext(t.Context(), programs.apply, args...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	pidFrom(t, ready)
	_ = killed.Process.Kill()
	_ = killed.Wait()
	if next := runProgram(t, limit, append([]string{programs.apply}, args...)...); next.code != 0 {
		t.Errorf("the next run ends with %d, want 0: the user is there\n%s", next.code, next.output())
	}
	if _, err := os.Lstat(filepath.Join(dir, "ann")); err != nil {
		t.Errorf("the home of the user: %v", err)
	}
}

// TestDescriptors looks at what a command inherits: nothing but 0, 1 and 2, whatever the caller of apply left open.
func TestDescriptors(t *testing.T) {
	dir := onTmpfs(t)
	paused := pause(t, dir, "exec sleep 86404")
	ours := descriptors(t, paused.child)
	if !slices.Equal(ours, []string{"0", "1", "2"}) {
		t.Errorf("a command has the descriptors %q, want 0, 1 and 2", ours)
	}
	_ = paused.cmd.Process.Kill()
	_ = paused.cmd.Wait()
	endOthers(t)

	ready := fifo(t, dir, "ready.control")
	control := exec.CommandContext(t.Context(), programs.control, "inherit", dir, says(ready)+"exec sleep 86404")
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	theirs := descriptors(t, pidFrom(t, ready))
	if len(theirs) <= 3 {
		t.Errorf("the harness found only the descriptors %q of a control that leaves its lock open", theirs)
	}
	endOthers(t)
	_ = control.Wait()
	record(t, "descriptors of a command beside 0, 1, 2", strconv.Itoa(len(ours)-3), fmt.Sprintf("leaves its lock open: %d", len(theirs)-3))
}

// paused is a run whose command has said that it runs.
type paused struct {
	cmd   *exec.Cmd
	child int
}

// pause starts apply, with a descriptor left open by its caller, and returns when the command has begun the line.
func pause(t *testing.T, dir, line string, args ...string) paused {
	t.Helper()
	ready := fifo(t, dir, "ready")
	main := filepath.Join(dir, "pause.hcl")
	writeFile(t, main, fmt.Sprintf("exec \"pause\" { command = %q }\n", says(ready)+line), 0o644)
	cmd := exec.CommandContext(t.Context(), programs.apply, append(args, "--state-dir", filepath.Join(dir, "state"), main)...)
	extra, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	cmd.ExtraFiles = []*os.File{extra}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return paused{cmd, pidFrom(t, ready)}
}

// says is the beginning of a shell line that writes the shell's own process id to a pipe: by a child, for a shell that redirects has a
// further descriptor open meanwhile.
func says(ready string) string { return "/bin/sh -c 'echo $PPID > " + ready + "'; " }

func fifo(t *testing.T, dir, name string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// pidFrom reads a process id from a named pipe.
func pidFrom(t *testing.T, pipe string) int {
	t.Helper()
	f, err := os.OpenFile(pipe, os.O_RDWR, 0) // for writing too: the open does not wait, the read has a deadline
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 32)
	n, err := f.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func descriptors(t *testing.T, pid int) []string {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// applyText runs apply on a manifest with that text.
func applyText(t *testing.T, dir, text string, args ...string) ending {
	t.Helper()
	main := filepath.Join(dir, "main.hcl")
	writeFile(t, main, text, 0o644)
	return runProgram(t, limit, append([]string{programs.apply, "--state-dir", filepath.Join(dir, "state"), main}, args...)...)
}

// eachOther calls fn for each process of the namespace that lives and is not this one.
func eachOther(t *testing.T, fn func(pid int, cmdline string)) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && len(b) > 0 { // of one that has ended nothing but its status is left
			fn(pid, strings.ReplaceAll(strings.TrimRight(string(b), "\x00"), "\x00", " "))
		}
	}
}

func others(t *testing.T) []string {
	t.Helper()
	var names []string
	eachOther(t, func(_ int, cmdline string) { names = append(names, cmdline) })
	return names
}

// endOthers ends them and waits until they are gone.
func endOthers(t *testing.T) {
	t.Helper()
	eachOther(t, func(pid int, cmdline string) {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		_ = unix.Kill(pid, unix.SIGKILL)
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000); n == 0 {
			t.Errorf("%s lives on 10 s after it was killed: %v", cmdline, err)
		}
	})
}
