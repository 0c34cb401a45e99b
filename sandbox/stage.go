// Package sandbox is an overlay of this node in which a catalog can be rehearsed: whatever is done there, commands included, leaves the node as it is.
//
// A [Box] has the node's files, each mounted file system below an overlay of its own whose upper layer is in memory; mount, process, IPC, host name
// and network namespaces of its own; its own /dev, /run, /proc and /sys, of which what changes the kernel is read-only; and none of the capabilities that
// reach beyond it. What it has not: the node's services (their sockets are covered), devices, network, and file systems from other machines.
//
// This program starts itself again in a box. The one outside holds a [Stage]; the one inside calls [Inside].
package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/sandbox/changes"
	"github.com/nodeapply/apply/sandbox/internal/container"
)

// scene is where the memory of a stage is mounted, for its own thread alone: a folder that every node has and every box gets anew.
const scene = "/sys"

// Stage is where boxes are. It is one thread in a mount namespace of its own, so that nothing is left of it, however this process ends.
type Stage struct {
	layers []Layer
	masked []string
	calls  chan func()
	boxes  int
}

// NewStage makes a stage for boxes with these layers. It needs root.
func NewStage(layers []Layer) (*Stage, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a sandbox is an overlay of the node, which only root can mount")
	}
	s := &Stage{layers: slices.Clone(layers), calls: make(chan func())}
	var err error
	if s.masked, err = sockets(); err != nil {
		return nil, err
	}
	for i, l := range s.layers {
		st, err := os.Stat(l.Point)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.layers[i].Gone = true
		case err != nil:
			return nil, err
		default:
			s.layers[i].File = !st.IsDir()
		}
	}
	ready := make(chan error)
	go s.act(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return s, nil
}

// act is the stage's thread, which ends with it.
func (s *Stage) act(ready chan<- error) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if errors.Is(err, unix.EINVAL) {
			err = errors.New("the root of this process is not a mount point, as in a chroot: it can be made on the node itself, or in a container")
		}
	}
	if err == nil {
		err = unix.Mount("apply", scene, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700")
	}
	ready <- err
	if err != nil {
		return
	}
	for call := range s.calls {
		call()
	}
}

// do calls fn in the stage's thread.
func (s *Stage) do(fn func() error) error {
	err := make(chan error, 1)
	s.calls <- func() { err <- fn() }
	return <-err
}

// Close ends the stage, with all that is in its boxes.
func (s *Stage) Close() { close(s.calls) }

// Box is one overlay of the node.
type Box struct {
	stage *Stage
	dir   string
}

// Box makes a new box, in which the node is as it is now.
func (s *Stage) Box() (*Box, error) {
	s.boxes++
	b := &Box{s, filepath.Join(scene, strconv.Itoa(s.boxes))}
	err := s.do(func() error {
		var errs []error
		for _, dir := range []string{b.dir, b.root(), b.run(), filepath.Join(b.run(), "lock")} {
			errs = append(errs, os.Mkdir(dir, 0o755))
		}
		errs = append(errs, os.Chmod(b.run(), 0o755), os.Chmod(filepath.Join(b.run(), "lock"), 0o777|fs.ModeSticky))
		for i, l := range s.layers {
			errs = append(errs, os.MkdirAll(b.upper(i), 0o755), os.MkdirAll(b.work(i), 0o755), l.open(b.upper(i)))
		}
		// What is enabled and masked until the node starts again.
		errs = append(errs, container.CopyTree("/run", "systemd/system", b.run()))
		return errors.Join(errs...)
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return b, nil
}

// Changes lists by name what is different in the box from the node as it is now. What is missing in /run, which a box gets anew, is not different.
func (b *Box) Changes(v changes.View) (map[string]changes.Change, error) {
	all := map[string]changes.Change{}
	err := b.stage.do(func() error {
		for i, l := range b.stage.layers {
			if l.File || l.ReadOnly {
				continue
			}
			if err := changes.In(b.upper(i), l.Point, v, all); err != nil {
				return err
			}
		}
		v.Skip = append([]string{"/run/lock"}, v.Skip...)
		return changes.In(b.run(), "/run", v, all)
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return all, nil
}

// Remove lets go of what is in the box.
func (b *Box) Remove() error {
	return b.stage.do(func() error { return os.RemoveAll(b.dir) })
}

func (b *Box) root() string       { return filepath.Join(b.dir, "root") }
func (b *Box) run() string        { return filepath.Join(b.dir, "run") }
func (b *Box) upper(i int) string { return filepath.Join(b.dir, "upper", strconv.Itoa(i)) }
func (b *Box) work(i int) string  { return filepath.Join(b.dir, "work", strconv.Itoa(i)) }
