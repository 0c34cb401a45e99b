package rehearsal

import (
	"context"
	"encoding/json"
	"os"

	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// mortal is a recorder whose process dies at one of its steps: before or after something is recorded. Between two steps one thing was done to the node.
type mortal struct {
	engine.Recorder
	n     int // steps so far
	dieAt int
	tell  func(any) error
}

// step ends the process, with no chance to put anything right, when its time has come. It is the first one of its process namespace: all others end with it.
func (m *mortal) step() {
	if m.n++; m.n == m.dieAt {
		os.Exit(killed)
	}
}

// must tells, or ends the process: nobody is there any more who would hear.
func (m *mortal) must(s said) {
	if m.tell(s) != nil {
		os.Exit(1)
	}
}

// Begin is part of engine.Recorder.
func (m *mortal) Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error {
	m.step()
	return m.Recorder.Begin(ctx, a, d, owes, before)
}

// Op is part of engine.Recorder.
func (m *mortal) Op(ctx context.Context, a resources.Address, v host.View, op host.Op) error {
	m.step()
	err := m.Recorder.Op(ctx, a, v, op)
	m.step()
	return err
}

// Settled is part of engine.Recorder.
func (m *mortal) Settled(ctx context.Context, target resources.Address) error {
	m.step()
	err := m.Recorder.Settled(ctx, target)
	if err == nil {
		m.must(said{Settled: target.String()})
	}
	return err
}

// Ended is part of engine.Recorder.
func (m *mortal) Ended(ctx context.Context, a resources.Address, v host.View, spared ...resources.Address) error {
	m.step()
	return m.Recorder.Ended(ctx, a, v, spared...)
}
