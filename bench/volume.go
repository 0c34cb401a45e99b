package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const volumeSize = 16 << 30 // bytes, of which the image takes what is written

// mount makes an ext4 in a file of the folder parent that nobody else writes to: a syncfs(2) waits for all that has been written, whoever wrote it. It
// returns where that is mounted, in this process and those that it starts: the kernel takes it away with them, however they end.
func mount(ctx context.Context, parent string) (dir string, err error) {
	if dir, err = os.MkdirTemp(parent, "apply-bench-"); err != nil {
		return "", err
	}
	image := dir + ".ext4"
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(volumeSize), f.Close())
	}
	if err == nil {
		err = run(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
	}
	if err == nil {
		err = run(ctx, "mount", "-o", "loop", image, dir)
	}
	if err = errors.Join(err, os.Remove(image)); err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	return dir, errors.Join(os.Remove(filepath.Join(dir, "lost+found")), os.Chmod(dir, 0o700))
}

// aloneEnv says that this process has mounts of its own.
const aloneEnv = "APPLY_BENCH_ALONE"

// alone lets the program go on with mounts of its own. It does not return.
func alone() error {
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(unshare, append([]string{"unshare", "--mount", "--", self}, os.Args[1:]...), append(os.Environ(), aloneEnv+"=yes"))
}

func run(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, tail(out, 500))
	}
	return nil
}
