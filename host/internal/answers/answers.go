// Package answers asks whether a file system that others serve (NFS, FUSE) answers, before this process touches it.
//
// A thread that waits for a dead server may wait in the kernel for ever, and then the process cannot even exit. So another process asks
// first, and if that one gets no answer it alone is left behind.
package answers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/mountinfo"
)

const (
	patience = 4 * time.Second  // an answer takes this long at the most: less than an attempt has left when its time is over
	goodFor  = time.Second      // how long an answer is taken to hold
	badFor   = 30 * time.Second // and the lack of one
	lookFor  = time.Second      // how long the list of mounts is
)

// Watch knows which file systems are served by others and when they last answered.
type Watch struct {
	mu     sync.Mutex
	read   time.Time
	mounts []mountinfo.Mount
	asked  map[int]*answer // by the mount's id
}

// answer is what one file system said.
type answer struct {
	mu    sync.Mutex
	until time.Time
	err   error
}

// New returns a Watch that has asked nobody yet.
func New() *Watch { return &Watch{asked: map[int]*answer{}} }

// Answers returns an error if name, an absolute name of this machine, lies in a file system whose server does not answer.
func (w *Watch) Answers(name string) error {
	m, a, err := w.find(name)
	if err != nil || m == nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.Before(a.until) {
		return a.err
	}
	a.until = now.Add(goodFor)
	if a.err = ask(name); a.err != nil {
		a.err = fmt.Errorf("%w: the file system at %s (%s) does not answer", a.err, m.Point, m.FSType)
		a.until = time.Now().Add(badFor)
	}
	return a.err
}

// Served says whether name, an absolute name of this machine, lies in a file system that others serve, or that this cannot be told.
func (w *Watch) Served(name string) bool {
	m, _, err := w.find(name)
	return m != nil || err != nil
}

// find returns the mount that name lies in, nil if it is this machine's own.
func (w *Watch) find(name string) (*mountinfo.Mount, *answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.read) > lookFor {
		if err := w.list(); err != nil {
			return nil, nil, err
		}
		w.read = now
	}
	var found *mountinfo.Mount
	for i := range w.mounts {
		m := &w.mounts[i]
		if host.Within(name, m.Point) && (found == nil || len(m.Point) >= len(found.Point)) {
			found = m
		}
	}
	if found == nil {
		return nil, nil, nil
	}
	if w.asked[found.ID] == nil {
		w.asked[found.ID] = &answer{}
	}
	return found, w.asked[found.ID], nil
}

// list reads the mounts that others serve.
func (w *Watch) list() error {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := mountinfo.Parse(f)
	if err != nil {
		return err
	}
	w.mounts = w.mounts[:0]
	for _, m := range all {
		if served(m.FSType) {
			w.mounts = append(w.mounts, m)
		}
	}
	return nil
}

// served says whether a process or another machine serves file systems of the type.
func served(fstype string) bool {
	if strings.HasPrefix(fstype, "fuse") || strings.HasPrefix(fstype, "nfs") {
		return true
	}
	switch fstype {
	case "cifs", "smb3", "9p", "ceph", "lustre", "afs", "autofs":
		return true
	}
	return false
}

// ask has stat(1) look at name: the server itself if it can (coreutils 8.32), for what the kernel remembers says nothing of a server
// that has died since. Where there is no such program nobody asks.
func ask(name string) error {
	program := ""
	for _, dir := range []string{"/usr/bin", "/bin"} {
		if _, err := os.Stat(path.Join(dir, "stat")); err == nil {
			program = path.Join(dir, "stat")
			break
		}
	}
	if program == "" {
		return nil
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	answered, err := try(late.C, program, "--cached=never", "--", name)
	if err == nil && !answered { // nothing is there, or another stat
		_, err = try(late.C, program, "--", name)
	}
	return err
}

// try runs one command; ok: it succeeded.
func try(late <-chan time.Time, program string, args ...string) (ok bool, err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", []string{"LANG=C"}, &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // waits as long as the server is silent: nobody can shorten that
	select {
	case err := <-ended:
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return false, nil // an error is an answer too
		}
		return err == nil, err
	case <-late:
		_ = cmd.Process.Kill() // as soon as the kernel lets it
		return false, fmt.Errorf("timed out after %v", patience)
	}
}
