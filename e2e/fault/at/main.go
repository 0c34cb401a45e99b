//go:build linux && amd64

// Command at runs a program and counts the system calls, of all its threads and children, that change files; at the k-th it kills it or
// gives the call an error in its place.
//
//	go run ./e2e/fault/at -- apply main.hcl              list the calls
//	go run ./e2e/fault/at -k 12 -kill -- apply main.hcl
//	go run ./e2e/fault/at -k 12 -errno ENOSPC -- apply main.hcl
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

func main() {
	ptrace.Main()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "at:", err)
		os.Exit(1)
	}
}

func run() error {
	k := flag.Int("k", 0, "the number of the call, from 1")
	kill := flag.Bool("kill", false, "kill the program before the call")
	name := flag.String("errno", "", "the error that the call returns, such as ENOSPC")
	opens := flag.Bool("opens", false, "count the calls that only open too")
	flag.Parse()
	if flag.NArg() == 0 {
		return fmt.Errorf("which program?")
	}
	program, err := exec.LookPath(flag.Arg(0))
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return err
	}
	o := ptrace.Options{Args: append([]string{program}, flag.Args()[1:]...), Env: os.Environ()}
	if *opens {
		o.Select = func(ptrace.Call) bool { return true }
	}
	errno := syscall.Errno(0)
	for e := syscall.Errno(1); *name != "" && e < 200; e++ {
		if unix.ErrnoName(e) == *name {
			errno = e
		}
	}
	if *name != "" && errno == 0 {
		return fmt.Errorf("unknown error %s", *name)
	}
	o.At = func(c ptrace.Call) ptrace.Verdict {
		if c.N != *k {
			return ptrace.Verdict{}
		}
		return ptrace.Verdict{Kill: *kill, Errno: errno}
	}
	res, err := ptrace.Run(context.Background(), o)
	for _, c := range res.Calls {
		fmt.Println(c)
	}
	fmt.Printf("%sexit code %d, survivors %q\n", res.Output, res.ExitCode, res.Survivors)
	return err
}
