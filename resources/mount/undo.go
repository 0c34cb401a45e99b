package mount

import (
	"context"
	"encoding/json"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/mount/internal/live"
)

// before is what an undo of the live mount needs; the table is a file.
type before struct {
	Point string      `json:"point"`
	Deep  bool        `json:"deep,omitempty"` // with what is mounted inside
	Live  []live.Past `json:"live"`           // stacked, the one on top last
}

// Before keeps what is mounted.
func (m *Mount) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	f, err := m.look(ctx, v)
	if err != nil {
		return nil, err
	}
	return m.state(ctx, v, m.deep(f))
}

// Now looks again at what is mounted there.
func (m *Mount) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	b, err := m.recall(raw)
	if err != nil {
		return nil, err
	}
	return m.state(ctx, v, b.Deep)
}

// Restore mounts or unmounts so that what Before saw is there again. The table has been put back before.
func (m *Mount) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	b, err := m.recall(raw)
	if err != nil {
		return err
	}
	if err := reload(ctx, h); err != nil {
		return err
	}
	return live.PutBack(ctx, h, m.point(), b.Live, b.Deep)
}

// state is what there is at the mount point.
func (m *Mount) state(ctx context.Context, v host.View, deep bool) (json.RawMessage, error) {
	stack, err := live.At(ctx, v, m.point())
	if err != nil {
		return nil, err
	}
	pasts, err := live.Remember(ctx, v, stack, deep)
	if err != nil {
		return nil, err
	}
	return json.Marshal(before{Point: m.point(), Deep: deep, Live: pasts})
}

// recall reads what Before has written, and takes the mount point from it, which need not be the title.
func (m *Mount) recall(raw json.RawMessage) (before, error) {
	b, err := resources.Recall[before](raw)
	if err == nil {
		m.Path = b.Point
	}
	return b, err
}
