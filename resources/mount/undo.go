package mount

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/mount/internal/live"
)

// before is what an undo of the live mount needs; the table is a file.
type before struct {
	Point string      `json:"point"`
	Live  []live.Past `json:"live"` // stacked, the one on top last
}

// Before keeps what is mounted.
func (m *Mount) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	f, err := m.look(ctx, v)
	if err != nil {
		return nil, err
	}
	pasts, err := live.Remember(ctx, v, f.live)
	if err != nil {
		return nil, err
	}
	return json.Marshal(before{Point: m.point(), Live: pasts})
}

// Now looks again at what is mounted there.
func (m *Mount) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("what was before: %w", err)
	}
	m.Path = b.Point // which need not be the title
	return m.Before(ctx, v, resources.Diff{})
}

// Restore mounts or unmounts so that what Before saw is there again. The table has been put back before.
func (m *Mount) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return fmt.Errorf("what was before: %w", err)
	}
	if err := reload(ctx, h); err != nil {
		return err
	}
	m.Path = b.Point // which need not be the title
	f, err := m.look(ctx, h)
	if err != nil {
		return err
	}
	pasts, err := live.Remember(ctx, h, f.live)
	if err != nil {
		return err
	}
	if len(pasts) > 0 && len(b.Live) > 0 {
		now, was := pasts[len(pasts)-1], b.Live[len(b.Live)-1]
		if was.Is(now) {
			alone := was.Root != "/" || slices.Equal(now.SuperOptions, was.SuperOptions)
			if alone && slices.Equal(now.Options, was.Options) {
				return nil
			}
			return live.Run(ctx, h, "mount", "-o", strings.Join(was.Remount(alone), ","), "--", m.point())
		}
	}
	if err := live.Unmount(ctx, h, m.point()); err != nil {
		return err
	}
	for _, was := range b.Live {
		if err := was.Restore(ctx, h); err != nil {
			return err
		}
	}
	return nil
}
