package mount

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/mount/fstab"
	"github.com/nodeapply/apply/resources/mount/internal/live"
	"github.com/nodeapply/apply/resources/mount/internal/options"
)

// Apply writes the entry, then mounts, remounts or unmounts. If the mount fails the table gets its old bytes back.
func (m *Mount) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	f, err := m.look(ctx, h) // under the lock: another mount may have written the table since the check
	if err != nil {
		return err
	}
	if m.Ensure == absent || m.Ensure == unmounted {
		if err := live.Unmount(ctx, h, m.point(), m.deep(f)); err != nil {
			return err
		}
	}
	content, err := m.edited(f)
	if err != nil {
		return err
	}
	if err := m.write(ctx, h, f.source, content); err != nil {
		return err
	}
	if m.Ensure != mounted {
		return nil
	}
	if err := m.bring(ctx, h, f); err != nil {
		// The next boot must find a table that works.
		return errors.Join(err, m.write(context.WithoutCancel(ctx), h, content, f.source))
	}
	return nil
}

// deep says whether what is mounted comes with what is mounted inside, and goes with it.
func (m *Mount) deep(f *found) bool {
	return options.Deep(string(m.Options)) || f.entry != nil && options.Deep(f.entry.Options)
}

// edited is the content that the table should have.
func (m *Mount) edited(f *found) (string, error) {
	switch {
	case m.Ensure == absent && f.entry == nil:
		return f.source, nil
	case m.Ensure == absent:
		if err := f.table.Remove(m.point()); err != nil {
			return "", err
		}
	case f.entry == nil || differ(*f.entry, f.want):
		if err := f.table.Set(f.want); err != nil {
			return "", err
		}
	}
	return f.table.String(), nil
}

// differ says whether two entries differ in more than a slash at the end of the mount point.
func differ(a, b fstab.Entry) bool {
	a.Path = b.Path
	return a != b
}

// write replaces the table's bytes and lets systemd, which makes units of them, read it.
func (m *Mount) write(ctx context.Context, h host.Host, old, content string) error {
	if old == content {
		return nil
	}
	if err := h.WriteFile(ctx, table, host.NewFile{Content: strings.NewReader(content)}); err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	return reload(ctx, h)
}

// reload lets systemd read the table.
func reload(ctx context.Context, h host.Host) error {
	if err := h.DaemonReload(ctx); err != nil && !errors.Is(err, host.ErrNoSystemd) {
		return fmt.Errorf("%s: daemon-reload: %w", table, err)
	}
	return nil
}

// bring makes the live mount what the entry says. F was read before the entry was written.
func (m *Mount) bring(ctx context.Context, h host.Host, f *found) error {
	switch {
	case f.top() == nil:
		return m.mount(ctx, h)
	case !f.same(ctx, h):
		return m.again(ctx, h, f.live)
	case len(f.lacking()) == 0 && len(f.untried()) == 0:
		return nil
	}
	return m.remount(ctx, h, f)
}

// untried are the options that are new in the entry and that what is mounted cannot show.
func (f *found) untried() []string {
	had := ""
	if f.entry != nil {
		had = f.entry.Options
	}
	return options.Untried(had, f.want.Options, *f.top())
}

// remount mounts once more what is mounted, with the options of the entry: by a remount where that is declared and takes.
func (m *Mount) remount(ctx context.Context, h host.Host, f *found) error {
	if !m.Remounts {
		return m.again(ctx, h, f.live)
	}
	words := "remount," + strings.Join(options.Remount(f.want.Options, f.origin), ",")
	refused := live.Run(ctx, h, "mount", "-o", words, "--", m.point())
	if refused == nil {
		now, err := m.look(ctx, h)
		if err != nil {
			return err
		}
		if now.top() != nil && len(now.lacking()) == 0 {
			return nil
		}
	}
	err := m.again(ctx, h, f.live)
	if err != nil && refused != nil {
		return fmt.Errorf("%w; a remount was refused: %w", err, refused)
	}
	return err
}

// again unmounts all that is stacked and mounts. If that fails, what was mounted before is put back.
func (m *Mount) again(ctx context.Context, h host.Host, before []host.Mount) error {
	pasts, err := live.Remember(ctx, h, before, false)
	if err != nil {
		return err
	}
	taken := len(before)
	err = live.Unmount(ctx, h, m.point(), false)
	if err == nil {
		err = m.mount(ctx, h)
	} else if f, unread := m.look(ctx, h); unread == nil {
		taken -= len(f.live)
		if taken > 0 && f.asEntry(ctx, h) { // in use, and what was stacked over it is gone
			return nil
		}
	}
	if err == nil || taken <= 0 {
		return err
	}
	for _, old := range pasts[len(before)-taken:] {
		if back := old.Restore(context.WithoutCancel(ctx), h); back != nil {
			return errors.Join(err, fmt.Errorf("and what was mounted before cannot be put back: %w", back))
		}
	}
	return fmt.Errorf("%w; what was mounted before is back", err)
}

// mount mounts by the entry. An entry with nofail, and some types' own programs, have mount(8) succeed without a mount.
func (m *Mount) mount(ctx context.Context, h host.Host) error {
	f, err := m.look(ctx, h)
	if err != nil {
		return err
	}
	want := f.want
	before, err := h.Mounts(ctx)
	if err != nil {
		return err
	}
	if err := live.Run(ctx, h, "mount", "--", m.point()); err != nil {
		return err
	}
	f, err = m.look(ctx, h)
	if err == nil && f.top() == nil {
		err = fmt.Errorf("%s: mount did nothing, and said that all went well: is %s there?", m.point(), f.want.Device)
	}
	if err != nil {
		return errors.Join(err, astray(ctx, h, want, before))
	}
	return nil
}

// astray unmounts what was mounted elsewhere, because somebody has put a link in the place of the mount point meanwhile.
func astray(ctx context.Context, h host.Host, want fstab.Entry, before []host.Mount) error {
	now, err := h.Mounts(ctx)
	if err != nil {
		return err
	}
	for _, is := range now {
		known := slices.ContainsFunc(before, func(old host.Mount) bool { return old.ID == is.ID })
		if !known && live.SameType(want.FSType, is) && live.SameDevice(ctx, h, want, is) {
			err = errors.Join(err, fmt.Errorf("it was mounted at %s", is.Point), live.Run(ctx, h, "umount", "--", is.Point))
		}
	}
	return err
}
