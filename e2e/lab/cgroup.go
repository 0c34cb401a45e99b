package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cgroupRoot returns where the cgroup2 hierarchy is mounted, alone or beside cgroup1 hierarchies.
func cgroupRoot() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mount, fsType, ok := strings.Cut(lines.Text(), " - ") // see proc_pid_mountinfo(5)
		if fields := strings.Fields(mount); ok && strings.HasPrefix(fsType, "cgroup2 ") && fields[3] == "/" {
			return fields[4], nil
		}
	}
	return "", errors.New("cgroup2 is not mounted")
}

// newCgroup makes a cgroup for a lab of this process, and removes those that killed keepers have left.
func newCgroup() (string, error) {
	root, err := cgroupRoot()
	if err != nil {
		return "", err
	}
	stale, err := filepath.Glob(filepath.Join(root, cgroupPrefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range stale {
		var pid, started int
		name := strings.TrimPrefix(filepath.Base(dir), cgroupPrefix)
		if _, err := fmt.Sscanf(name, "%d-%d-", &pid, &started); err != nil {
			continue
		}
		if now, err := startTime(pid); err != nil || now != started {
			removeCgroup(dir) // one that is still in use stays for the next lab to remove
		}
	}
	started, err := startTime(os.Getpid())
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(root, fmt.Sprintf("%s%d-%d-", cgroupPrefix, os.Getpid(), started))
}

const cgroupPrefix = "apply-lab-"

// removeCgroup removes an empty cgroup and the empty ones in it.
func removeCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeCgroup(filepath.Join(dir, e.Name())); err != nil {
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
