package lab

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// allNamespaces are those that make a node, or a lab, a world of its own.
const allNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP

// enter runs f on a thread that has joined namespaces of process pid. What f opens belongs to them, and commands that it starts run in
// them as children of this process: unlike below nsenter(1), which stops for good when its command is stopped, as all are when
// systemd shuts a node down, and so keeps the node from ending.
func enter(pid, namespaces int, f func() error) error {
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

// startIn starts cmd in all namespaces of process pid.
func startIn(pid int, cmd *exec.Cmd) error {
	return enter(pid, allNamespaces, cmd.Start)
}
