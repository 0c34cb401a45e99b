package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// volume is a file system that nobody else writes to: a syncfs(2) waits for all that has been written, whoever wrote it.
type volume struct {
	dir   string // where it is mounted
	image string
}

const volumeSize = 16 << 30 // bytes, of which the image takes what is written

// mount makes an ext4 in a file of the folder parent.
func mount(ctx context.Context, parent string) (v *volume, err error) {
	v = &volume{}
	if v.dir, err = os.MkdirTemp(parent, "apply-bench-"); err != nil {
		return nil, err
	}
	v.image = v.dir + ".ext4"
	f, err := os.Create(v.image)
	if err == nil {
		err = errors.Join(f.Truncate(volumeSize), f.Close())
	}
	if err == nil {
		err = run(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", v.image)
	}
	if err == nil {
		err = run(ctx, "mount", "-o", "loop", v.image, v.dir)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(v.image), os.Remove(v.dir))
	}
	return v, errors.Join(os.Remove(filepath.Join(v.dir, "lost+found")), os.Chmod(v.dir, 0o700))
}

// Close takes it away.
func (v *volume) Close() error {
	return errors.Join(run(context.Background(), "umount", v.dir), os.Remove(v.image), os.Remove(v.dir))
}

func run(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, tail(out, 500))
	}
	return nil
}
