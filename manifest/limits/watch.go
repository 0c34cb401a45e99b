package limits

import (
	"context"
	"sync"

	"github.com/hashicorp/hcl/v2"
)

// Watch is a Run as all parts of an evaluation know it, also those that were made before it began, and those that will evaluate again.
type Watch struct {
	mu  sync.Mutex
	ctx context.Context
	at  *spot
}

// NewWatch returns the Watch of what evaluates outside of its Run as long as ctx has not ended.
func NewWatch(ctx context.Context) *Watch { return &Watch{ctx: ctx} }

// Run is the function Run, for one fn at a time.
func (w *Watch) Run(ctx context.Context, fn func()) error {
	return run(ctx, usual, func(ctx context.Context, at *spot) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ctx, w.at = ctx, at
		w.Step()
		fn()
	})
}

// Step ends an evaluation that was given up.
func (w *Watch) Step() { step(w.ctx) }

// Next is Step, and tells what is evaluated next.
func (w *Watch) Next(at *hcl.Range) {
	w.Step()
	w.at.set(at)
}
