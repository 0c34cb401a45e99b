// Package process finds processes of this machine and works in their namespaces.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// allNamespaces are those that make a node, or a lab, a world of its own.
const allNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP

// Enter runs f on a thread that has joined namespaces of process pid. What f opens belongs to them, and commands that it starts run in
// them as children of this process: unlike below nsenter(1), which stops for good when its command is stopped, as all are when
// systemd shuts a node down, and so keeps the node from ending.
func Enter(pid, namespaces int, f func() error) error {
	target, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(target)
	return onThread(func() error {
		// Threads share their root and current folder, which a mount namespace changes.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Setns(target, namespaces); err != nil {
			return fmt.Errorf("namespaces of process %d: %w", pid, err)
		}
		return f()
	})
}

// onThread runs f on a thread that ends afterwards, and so may be changed at will.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // without an unlock the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// All but the main thread, which would stay, and its namespaces with it: it is held while another one does the work.
			defer runtime.UnlockOSThread()
			done <- onThread(f)
			return
		}
		done <- f()
	}()
	return <-done
}

// StartIn starts cmd in all namespaces of process pid.
func StartIn(pid int, cmd *exec.Cmd) error {
	return Enter(pid, allNamespaces, cmd.Start)
}

// Descendant follows only children, depth generations down from process pid.
func Descendant(pid, depth int) (int, error) {
	if depth == 0 {
		return pid, nil
	}
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	var children []int
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		for _, field := range strings.Fields(string(text)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err != nil {
				return 0, err
			}
			children = append(children, child)
		}
	}
	if len(children) != 1 {
		return 0, fmt.Errorf("process %d: children %v, want one", pid, children)
	}
	return Descendant(children[0], depth-1)
}

// StartTime returns when process pid was started, in clock ticks since boot: with the pid it names a process for good.
func StartTime(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets and may hold anything; start time is the 20th after it, see proc_pid_stat(5).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return strconv.Atoi(fields[19])
}
