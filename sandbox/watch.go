package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/sandbox/trace"
)

// keepUppers hands over the upper layers, which are not to be seen in the box.
func (c *Cell) keepUppers() error {
	for i := range c.Layers {
		fd, err := unix.Open(c.box().upper(i), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		c.Uppers = append(c.Uppers, fd)
	}
	return nil
}

// listen begins to hear what is read and written. Where the kernel cannot tell, the box is as good without.
func (c *Cell) listen() error {
	var points []string
	for _, l := range c.Layers {
		if !l.File && !l.Gone {
			points = append(points, l.Point)
		}
	}
	group, err := trace.Open(points)
	if err != nil {
		c.Unheard = err.Error()
		return nil
	}
	defer group.Close()
	c.Group, err = unix.FcntlInt(group.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return err
}

// Watch tells what is done to the files of a box, from one [Watch.Take] to the next.
type Watch struct {
	layers []Layer
	uppers []int
	tracer *trace.Tracer
	before []trace.State
}

// Watch begins to watch. It is called once.
func (c *Cell) Watch() (*Watch, error) {
	if c.Unheard != "" {
		return nil, errors.New(c.Unheard)
	}
	if err := unix.SetNonblock(c.Group, true); err != nil { // which is how a poller gets to know it
		return nil, err
	}
	t, err := trace.New(os.NewFile(uintptr(c.Group), "fanotify"))
	if err != nil {
		return nil, err
	}
	w := &Watch{layers: c.Layers, uppers: c.Uppers, tracer: t, before: make([]trace.State, len(c.Layers))}
	_, err = w.Take()
	return w, err
}

// Skip forgets what programs have read and written until now.
func (w *Watch) Skip() { _, _ = w.tracer.Take() } // what is not whole is told when it counts

// Take returns what programs have read and written, and which names of other things than folders have changed, since it was called before. It looks at all that
// is different in the box from the node.
func (w *Watch) Take() (trace.Set, error) {
	set, err := w.tracer.Take()
	for i, l := range w.layers {
		if l.File {
			continue
		}
		now, e := trace.Snapshot(fmt.Sprintf("/proc/self/fd/%d", w.uppers[i]))
		err = errors.Join(err, e)
		for _, name := range trace.Changed(w.before[i], now) {
			set.Written = append(set.Written, filepath.Join(l.Point, name))
		}
		w.before[i] = now
	}
	slices.Sort(set.Written)
	set.Written = slices.Compact(set.Written)
	return set, err
}
