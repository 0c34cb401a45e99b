package user

import (
	"context"
	"encoding/json"
	"path"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/user/internal/entry"
)

// Before keeps the entries.
func (u *User) Before(ctx context.Context, v host.View, d resources.Diff) (json.RawMessage, error) {
	f, err := entry.Look(ctx, v, u.Name)
	if err != nil {
		return nil, err
	}
	b := entry.Before{Name: u.Name}
	switch {
	case f == nil:
		st, err := v.Lstat(u.folder())
		if err != nil {
			return nil, err
		}
		b.HomeMade = u.ManageHome && st.Kind == host.Absent
	case u.Ensure == absent && u.ManageHome && path.IsAbs(f.User.Home):
		st, err := v.Lstat(f.User.Home)
		if err != nil {
			return nil, err
		}
		b.Moved = st.Kind != host.Absent
	default:
		if b.Moved, err = u.homeMoves(v, d); err != nil {
			return nil, err
		}
	}
	return b.Keep(v, f)
}

// Now reads the entries again. If the home folder has to be made, moved or removed to bring one state back, it has to be for the other one too.
func (u *User) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	b, err := entry.Recall(raw, u.Name)
	if err != nil {
		return nil, err
	}
	u.Name = b.Name
	f, err := entry.Look(ctx, v, u.Name)
	if err != nil {
		return nil, err
	}
	home := b.HomeMade || b.Moved
	return entry.Before{Name: u.Name, HomeMade: home && f == nil, Moved: home && f != nil}.Keep(v, f)
}

// Takes names the home folder of a user that was not there before.
func (u *User) Takes(ctx context.Context, v host.View, raw json.RawMessage) ([]string, error) {
	b, err := entry.Recall(raw, u.Name)
	if err != nil || b.There || !b.HomeMade {
		return nil, err
	}
	f, err := entry.Look(ctx, v, b.Name)
	if err != nil || f == nil {
		return nil, err
	}
	return []string{f.User.Home}, nil
}

// Restore brings those entries back. A home folder that was removed is made anew; its content is gone.
func (u *User) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	b, err := entry.Recall(raw, u.Name)
	if err != nil {
		return err
	}
	u.Name, u.Ensure, u.ManageHome = b.Name, absent, b.HomeMade || b.Moved
	if b.There {
		u.Ensure, u.Membership, u.entire = present, inclusive, true
		u.UID, u.GID = &b.User.UID, resources.Scalar(accounts.Number(b.User.GID))
		u.Home, u.Shell, u.Comment = b.User.Home, b.User.Shell, &b.User.Comment
		u.Groups, u.Expiry = append(resources.Strings{}, b.Groups...), b.Shadow.Expiry
		if u.Expiry == "" {
			u.Expiry = absent
		}
		if b.Shadow.Listed || b.Shadow.Password != "" { // versions that did not say the former kept the latter
			u.Password = &b.Shadow.Password
		}
		if err := b.RestoreGroup(ctx, h); err != nil {
			return err
		}
	}
	d, err := u.check(ctx, h) // whatever has become of the shell
	if err == nil && !d.Empty() {
		err = u.Apply(ctx, h, d)
	}
	if err != nil || !b.There {
		return err
	}
	return b.RestoreAgeing(ctx, h)
}
