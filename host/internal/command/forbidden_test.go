// The race detector makes this process's threads by libc, which gives up where clone3 is forbidden: the program as it is built has no libc.

//go:build !race

package command

import (
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Containers with an old seccomp profile answer system calls that it does not know with EPERM.
func TestForbiddenClone3(t *testing.T) {
	g := NewGroups()
	if g == nil {
		t.Skip("needs a cgroup2 that it may write")
	}
	if os.Getenv("COMMAND_FORBIDDEN") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestForbiddenClone3$")
		cmd.Env = append(os.Environ(), "COMMAND_FORBIDDEN=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	forbid(t, unix.SYS_CLONE3)
	r, err := Run(t.Context(), Spec{
		Program: "/bin/sh", Args: []string{"sh", "-c", "echo runs"}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", MaxOutput: 1024, Groups: g,
	})
	if err != nil || string(r.Stdout) != "runs\n" {
		t.Errorf("%v, printed %q", err, r.Stdout)
	}
}

// forbid lets the system call fail with EPERM in all of this process for good.
func forbid(t *testing.T, number uint32) {
	t.Helper()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: number},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		t.Fatal(errno)
	}
}
