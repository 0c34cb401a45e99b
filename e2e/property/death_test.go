package property

import (
	"context"
	"errors"
	"sync"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

var errDead = errors.New("killed")

// death ends a run after a number of steps: from then on nothing it does has an effect, as after kill -9.
type death struct {
	mu    sync.Mutex
	left  int // steps that still have an effect
	steps int // that were tried
}

func (d *death) step() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps++
	if d.left--; d.left < 0 {
		return errDead
	}
	return nil
}

// mortalHost counts each change of the node as a step.
type mortalHost struct {
	host.Host
	d *death
}

func (h mortalHost) WriteFile(ctx context.Context, name string, f host.NewFile) error {
	if err := h.d.step(); err != nil {
		return err
	}
	return h.Host.WriteFile(ctx, name, f)
}

func (h mortalHost) Mkdir(ctx context.Context, name string, m host.Meta) error {
	if err := h.d.step(); err != nil {
		return err
	}
	return h.Host.Mkdir(ctx, name, m)
}

func (h mortalHost) Symlink(ctx context.Context, target, name string) error {
	if err := h.d.step(); err != nil {
		return err
	}
	return h.Host.Symlink(ctx, target, name)
}

func (h mortalHost) SetMeta(ctx context.Context, name string, m host.Meta) error {
	if err := h.d.step(); err != nil {
		return err
	}
	return h.Host.SetMeta(ctx, name, m)
}

func (h mortalHost) Remove(ctx context.Context, name string, all bool) error {
	if err := h.d.step(); err != nil {
		return err
	}
	return h.Host.Remove(ctx, name, all)
}

func (h mortalHost) Supplant(ctx context.Context, name string, all bool, fill func(h host.Host, name string) error) error {
	if err := h.d.step(); err != nil {
		return err
	}
	return h.Host.Supplant(ctx, name, all, func(inner host.Host, beside string) error { return fill(mortalHost{inner, h.d}, beside) })
}

func (h mortalHost) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	if err := h.d.step(); err != nil {
		return host.Output{}, err
	}
	return h.Host.Run(ctx, c)
}

// mortalRecorder counts the end of each resource as a step.
type mortalRecorder struct {
	*journal.Run
	d *death
}

func (r mortalRecorder) Settled(ctx context.Context, a resources.Address) error {
	if err := r.d.step(); err != nil {
		return err
	}
	return r.Run.Settled(ctx, a)
}

func (r mortalRecorder) Ended(ctx context.Context, a resources.Address, v host.View, spared ...resources.Address) error {
	if err := r.d.step(); err != nil {
		return err
	}
	return r.Run.Ended(ctx, a, v, spared...)
}
