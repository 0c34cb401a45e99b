package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/e2e/lab/image"
)

// cgroupMounts returns where the cgroup2 hierarchy is mounted, and the cgroup1 hierarchies beside it if there are any.
func cgroupMounts() (v2 string, v1 []string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo") // see proc_pid_mountinfo(5)
	if err != nil {
		return "", nil, err
	}
	for line := range strings.Lines(string(text)) {
		mount, fsType, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		switch {
		case strings.HasPrefix(fsType, "cgroup2 ") && fields[3] == "/":
			v2 = fields[4]
		case strings.HasPrefix(fsType, "cgroup "):
			v1 = append(v1, fields[4])
		}
	}
	if v2 == "" {
		return "", nil, errors.New("cgroup2 is not mounted")
	}
	return v2, v1, nil
}

// newCgroup makes a cgroup for a lab of this process, with a name that no lab had before. It also returns where systemd-nspawn may
// make cgroups of that name in cgroup1 hierarchies.
func newCgroup() (v2 string, v1 []string, err error) {
	root, v1, err := cgroupMounts()
	if err != nil {
		return "", nil, err
	}
	started, err := startTime(os.Getpid())
	if err != nil {
		return "", nil, err
	}
	if v2, err = os.MkdirTemp(root, fmt.Sprintf("%s%d-%d-", prefix, os.Getpid(), started)); err != nil {
		return "", nil, err
	}
	for i := range v1 {
		v1[i] = filepath.Join(v1[i], filepath.Base(v2))
	}
	return v2, v1, nil
}

// prefix begins the names of labs, which go on with process id and start time of their owner.
const prefix = "apply-lab-"

// runDir holds the temporary folders of labs.
func runDir() string { return filepath.Join(image.Cache(), "run") }

// Clean removes what labs have left whose owner and keeper were both killed: cgroups, and files in the cache. All else went with the
// last process.
func Clean() error {
	v2, v1, err := cgroupMounts()
	if err != nil {
		return err
	}
	for _, dir := range append(v1, v2, runDir()) {
		names, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
		if err != nil {
			return err
		}
		for _, name := range names {
			var pid, started int
			if _, err := fmt.Sscanf(filepath.Base(name), prefix+"%d-%d-", &pid, &started); err != nil {
				continue
			}
			if now, err := startTime(pid); err == nil && now == started {
				continue
			}
			if dir == runDir() {
				err = os.RemoveAll(name)
			} else {
				err = removeCgroup(name)
			}
			if err != nil {
				return fmt.Errorf("clean up after process %d: %w", pid, err)
			}
		}
	}
	return nil
}

// removeCgroup removes a cgroup of a dead owner, whose last processes may still be on their way out.
func removeCgroup(dir string) error {
	os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) // cgroup1 has no such file, and its processes are those of cgroup2
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for deadline := time.Now().Add(closeTimeout); ; <-retry.C {
		err := removeEmpty(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) { // another process may clean up, too
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// removeEmpty removes a cgroup and those in it, as long as no process is in them.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeEmpty(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}

// startTime returns when process pid was started, in clock ticks since boot: with the pid it names a process for good.
func startTime(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets and may hold anything; start time is the 20th after it, see proc_pid_stat(5).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return strconv.Atoi(fields[19])
}
