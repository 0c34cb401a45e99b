// Package recording has somebody told of each change of a node before it is made.
package recording

import (
	"context"

	"github.com/nodeapply/apply/host"
)

// Recorder is told of every change before it is made, with the node as it was, and may refuse it by an error. New content may be on its way to the disk
// meanwhile, as long as it has no name.
type Recorder interface {
	Before(ctx context.Context, v host.View, op host.Op) error
}

// Of returns h with r told of every change before it is made.
func Of(h host.Host, r Recorder) host.Host { return &recording{Host: h, r: r} }

type recording struct {
	host.Host
	r Recorder
}

// Hold implements [host.Holder].
func (h *recording) Hold(name string) (host.Folder, error) { return host.Hold(h.Host, name), nil }

func (h *recording) WriteFile(ctx context.Context, name string, f host.NewFile) error {
	also := f.Announce
	f.Announce = func(ctx context.Context, absent bool) error {
		if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpWrite, Name: name, Absent: absent}); err != nil || also == nil {
			return err
		}
		return also(ctx, absent)
	}
	return h.Host.WriteFile(ctx, name, f)
}

func (h *recording) Mkdir(ctx context.Context, name string, m host.Meta) error {
	if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpMkdir, Name: name}); err != nil {
		return err
	}
	return h.Host.Mkdir(ctx, name, m)
}

func (h *recording) Symlink(ctx context.Context, target, name string) error {
	if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpSymlink, Name: name}); err != nil {
		return err
	}
	return h.Host.Symlink(ctx, target, name)
}

func (h *recording) SetMeta(ctx context.Context, name string, m host.Meta) error {
	if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpMeta, Name: name}); err != nil {
		return err
	}
	return h.Host.SetMeta(ctx, name, m)
}

func (h *recording) Remove(ctx context.Context, name string, all bool) error {
	if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpRemove, Name: name, All: all}); err != nil {
		return err
	}
	return h.Host.Remove(ctx, name, all)
}

func (h *recording) Supplant(ctx context.Context, name string, all bool, make func(h host.Host, name string) error) error {
	if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpRemove, Name: name, All: all}); err != nil {
		return err
	}
	return h.Host.Supplant(ctx, name, all, make)
}

func (h *recording) DoUnit(ctx context.Context, name string, v host.Verb) error {
	if err := h.r.Before(ctx, h.Host, host.Op{Kind: host.OpUnit, Name: name, Verb: v}); err != nil {
		return err
	}
	return h.Host.DoUnit(ctx, name, v)
}

func (h *recording) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	op := host.Op{Kind: host.OpRun}
	if len(c.Args) > 0 {
		op.Name = c.Args[0]
	}
	if err := h.r.Before(ctx, h.Host, op); err != nil {
		return host.Output{}, err
	}
	return h.Host.Run(ctx, c)
}
