package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply/host/local"
	"golang.org/x/sys/unix"
)

// unfinished is the folder with a file for each put under way: its name is the token of its temporary files, its content the folders where they may be.
// A file that nobody holds locked was left by one that was killed.
func unfinished() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "apply", "unfinished")
	return dir, os.MkdirAll(dir, 0o700)
}

// record notes that a put begins to change folders. The function it returns strikes it out.
func record(token string, folders []string) (done func(), err error) {
	folder, err := unfinished()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, token), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
		err = json.NewEncoder(f).Encode(folders)
	}
	done = func() {
		os.Remove(f.Name())
		f.Close()
	}
	if err != nil {
		done()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return done, nil
}

// sweep removes what puts that were killed have left. What cannot be removed stays for the next time.
func sweep(ctx context.Context, h *local.Node) {
	folder, err := unfinished()
	if err != nil {
		return
	}
	records, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, r := range records {
		name := filepath.Join(folder, r.Name())
		if sweepOne(ctx, h, name) == nil {
			os.Remove(name)
		}
	}
}

// maxRecord bounds what is read of a record, in bytes.
const maxRecord = 16 << 20

func sweepOne(ctx context.Context, h *local.Node, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err // it is under way
	}
	var folders []string
	if err := json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(&folders); err != nil {
		return nil // killed before anything began
	}
	var all []error
	for _, dir := range folders {
		all = append(all, h.Sweep(ctx, dir, filepath.Base(name)))
	}
	return errors.Join(all...)
}
