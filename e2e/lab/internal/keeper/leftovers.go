package keeper

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply/e2e/lab/internal/cgroup"
	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// prefix begins the names of cgroups and temporary folders, which go on with process id and start time of their owner.
const prefix = "apply-lab-"

// owned begins the names of this process's own.
func owned() (string, error) {
	started, err := process.StartTime(os.Getpid())
	return fmt.Sprintf("%s%d-%d-", prefix, os.Getpid(), started), err
}

// Clean removes what those have left whose maker and shell were both killed: cgroups, and temporary folders in runs. All else went with the
// last process.
func Clean(runs string) error {
	v2, v1, err := cgroup.Mounts()
	if err != nil {
		return err
	}
	for _, dir := range append(v1, v2, runs) {
		names, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
		if err != nil {
			return err
		}
		for _, name := range names {
			var pid, started int
			if _, err := fmt.Sscanf(filepath.Base(name), prefix+"%d-%d-", &pid, &started); err != nil {
				continue
			}
			if now, err := process.StartTime(pid); err == nil && now == started {
				continue
			}
			if dir == runs {
				err = os.RemoveAll(name)
			} else {
				err = cgroup.Remove(name)
			}
			if err != nil {
				return fmt.Errorf("clean up after process %d: %w", pid, err)
			}
		}
	}
	return nil
}
