package hosttest

import (
	"context"
	"errors"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/sandbox/model"
)

// Mount gives the node a table of live mounts in place of the kernel's, which mount(8) and umount(8) change from then on, as they
// change the kernel's: a [model.Node].
func (h *Host) Mount(mounts ...host.Mount) {
	h.mu.Lock()
	first := h.mounts == nil
	var seed model.Seed
	var err error
	if !first {
		seed.Mounts, err = h.mounts.Mounts(h.t.Context())
	}
	if err == nil {
		seed.Mounts = append(seed.Mounts, mounts...)
		h.mounts, err = model.New(h.Node, "", seed)
	}
	h.mu.Unlock()
	if err != nil {
		h.t.Fatal(err)
	}
	if first {
		run := func(ctx context.Context, c host.Cmd) (host.Output, error) { return h.mounts.Run(ctx, c) }
		h.Handle("mount", run)
		h.Handle("umount", run)
	}
}

// Mounts implements [host.View].
func (h *Host) Mounts(ctx context.Context) ([]host.Mount, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mounts == nil {
		return h.Node.Mounts(ctx)
	}
	return h.mounts.Mounts(ctx)
}

// Lstat implements [host.FileReader].
func (h *Host) Lstat(name string) (host.Stat, error) {
	h.mu.Lock()
	mounts := h.mounts
	h.mu.Unlock()
	if mounts == nil {
		return h.Node.Lstat(name)
	}
	return mounts.Lstat(name)
}

// Hold implements [host.Holder]. Where the mounts are a table, each name is looked up in it.
func (h *Host) Hold(name string) (host.Folder, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mounts != nil {
		return nil, errors.ErrUnsupported
	}
	return h.Node.Hold(name)
}
