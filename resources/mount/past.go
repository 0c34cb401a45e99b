package mount

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// past is a live mount as it was, with what it takes to have it again.
type past struct {
	host.Mount
	File string // behind the loop device, which may have gone with the mount
	From string // the folder that was bound, if it was a part of a file system
}

// remember describes live mounts before they are unmounted.
func remember(ctx context.Context, v host.View, live []host.Mount) ([]past, error) {
	all, err := v.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	pasts := make([]past, len(live))
	for i, l := range live {
		pasts[i].Mount = l
		if strings.HasPrefix(l.Source, "/dev/loop") {
			pasts[i].File = backing(v, l.Source)
		}
		if l.Root != "/" {
			pasts[i].From = boundFrom(all, l)
		}
	}
	return pasts, nil
}

// boundFrom is where else the folder of a bind mount is seen, "" if nowhere.
func boundFrom(all []host.Mount, l host.Mount) string {
	for _, other := range all {
		rest, below := strings.CutPrefix(l.Root, strings.TrimSuffix(other.Root, "/"))
		if below && other.ID != l.ID && other.Source == l.Source && other.FSType == l.FSType && (rest == "" || rest[0] == '/') {
			return path.Join(other.Point, rest)
		}
	}
	return ""
}

// mount mounts it again, past fstab.
func (p past) mount(ctx context.Context, h host.Host) error {
	options := p.Options
	switch {
	case p.Root != "/" && p.From == "":
		return fmt.Errorf("%s was a part (%s) of a file system that is mounted nowhere else", p.Point, p.Root)
	case p.Root != "/":
		if err := run(ctx, h, "mount", "--bind", "--", p.From, p.Point); err != nil {
			return err
		}
		return run(ctx, h, "mount", "-o", "remount,bind,"+strings.Join(options, ","), "--", p.Point)
	case p.FSType == "tmpfs": // its size and mode are nowhere else
		options = append(slices.Clone(options), p.SuperOptions...)
	case p.File != "" && backing(h, p.Source) != p.File:
		p.Source, options = p.File, append(slices.Clone(options), "loop")
	}
	fstype := strings.TrimPrefix(p.FSType, "fuse.")
	return run(ctx, h, "mount", "-t", fstype, "-o", strings.Join(options, ","), "--", p.Source, p.Point)
}

// before is what an undo of the live mount needs; the table is a file.
type before struct {
	Point string `json:"point"`
	Live  []past `json:"live"` // stacked, the one on top last
}

// Before keeps what is mounted.
func (m *Mount) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	f, err := m.look(ctx, v)
	if err != nil {
		return nil, err
	}
	live, err := remember(ctx, v, f.live)
	if err != nil {
		return nil, err
	}
	return json.Marshal(before{Point: m.point(), Live: live})
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
	if now := f.top(); now != nil && len(b.Live) > 0 {
		was := b.Live[len(b.Live)-1]
		if now.Source == was.Source && now.FSType == was.FSType && now.Root == was.Root {
			if slices.Equal(now.Options, was.Options) {
				return nil
			}
			return run(ctx, h, "mount", "-o", "remount,"+strings.Join(was.Options, ","), "--", m.point())
		}
	}
	if err := m.unmountAll(ctx, h); err != nil {
		return err
	}
	for _, was := range b.Live {
		if err := was.mount(ctx, h); err != nil {
			return err
		}
	}
	return nil
}
