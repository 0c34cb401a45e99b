// Package cgroup makes and removes the cgroups that hold all processes of a lab.
package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// timeout bounds the end of a cgroup's processes, which the kernel kills.
const timeout = 30 * time.Second

// Mounts returns where the cgroup2 hierarchy is mounted, and the cgroup1 hierarchies beside it if there are any.
func Mounts() (v2 string, v1 []string, err error) {
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

// New makes a cgroup of a name that begins with prefix and that none had before. It also returns where systemd-nspawn may make cgroups of that name
// in cgroup1 hierarchies.
func New(prefix string) (v2 string, v1 []string, err error) {
	root, v1, err := Mounts()
	if err != nil {
		return "", nil, err
	}
	if v2, err = os.MkdirTemp(root, prefix); err != nil {
		return "", nil, err
	}
	for i := range v1 {
		v1[i] = filepath.Join(v1[i], filepath.Base(v2))
	}
	return v2, v1, nil
}

// Remove kills what is in a cgroup and removes it, when the last process is out.
func Remove(dir string) error {
	os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) // cgroup1 has no such file, and its processes are those of cgroup2
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for deadline := time.Now().Add(timeout); ; <-retry.C {
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
