package user

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/tool"
)

// before is what an undo needs. The user's own group is kept because it goes with the user.
type before struct {
	Name     string            `json:"name,omitempty"` // which need not be the title
	There    bool              `json:"there"`
	HomeMade bool              `json:"home_made,omitempty"`  // the home folder was not there, and is made
	Moved    bool              `json:"home_moved,omitempty"` // it was there, and is moved
	User     *accounts.User    `json:"user,omitempty"`
	Group    string            `json:"group,omitempty"`
	Groups   resources.Strings `json:"groups,omitempty"`
	Shadow   accounts.Shadow   `json:"shadow"`
}

// Before keeps the entries.
func (u *User) Before(ctx context.Context, v host.View, d resources.Diff) (json.RawMessage, error) {
	f, err := u.look(ctx, v)
	if err != nil {
		return nil, err
	}
	if f == nil {
		st, err := v.Lstat(u.folder())
		if err != nil {
			return nil, err
		}
		return json.Marshal(before{Name: u.Name, HomeMade: u.ManageHome && st.Kind == host.Absent})
	}
	b := before{Name: u.Name}
	if b.Moved, err = u.homeMoves(v, d); err != nil {
		return nil, err
	}
	return b.entries(v, f)
}

// recall reads what Before has kept, which is of the user by that name.
func (u *User) recall(raw json.RawMessage) (b before, err error) {
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, fmt.Errorf("what was before: %w", err)
	}
	u.Name = cmp.Or(b.Name, u.Name)
	return b, nil
}

// Now reads the entries again. Who has to make, move or remove the home folder to bring one state back has to do so to bring the other one back.
func (u *User) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	b, err := u.recall(raw)
	if err != nil {
		return nil, err
	}
	home := b.HomeMade || b.Moved
	f, err := u.look(ctx, v)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return json.Marshal(before{Name: u.Name, HomeMade: home})
	}
	return before{Name: u.Name, Moved: home}.entries(v, f)
}

// entries fills in those of a user who is there.
func (b before) entries(v host.View, f *found) (_ json.RawMessage, err error) {
	b.There, b.User, b.Groups = true, &f.User, f.groups
	if b.Group, err = accounts.GroupName(v, f.GID); err != nil {
		return nil, err
	}
	if b.Shadow, err = accounts.FindShadow(v, b.Name); err != nil {
		return nil, err
	}
	return json.Marshal(b)
}

// Restore brings those entries back. The content of a home folder that was removed is gone.
func (u *User) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	b, err := u.recall(raw)
	if err != nil {
		return err
	}
	u.Ensure, u.ManageHome = absent, b.HomeMade || b.Moved
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
		if err := restoreGroup(ctx, h, b); err != nil {
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
	return restoreAgeing(ctx, h, b)
}

// restoreAgeing sets for how long the password is good, which a new entry and a new password have anew.
func restoreAgeing(ctx context.Context, h host.Host, b before) error {
	is, err := accounts.FindShadow(h, b.Name)
	was := b.Shadow.Ageing
	if err != nil || is.Ageing == was || was == (accounts.Ageing{}) { // which earlier versions did not keep
		return err
	}
	args := []string{"chage"}
	for i, option := range []string{"-d", "-m", "-M", "-W", "-I"} {
		args = append(args, option, cmp.Or(was[i], "-1")) // none
	}
	return tool.Run(ctx, h, host.Cmd{Args: append(args, "--", b.Name)})
}

// restoreGroup makes the user's own group again, which userdel took away.
func restoreGroup(ctx context.Context, h host.Host, b before) error {
	name, err := accounts.GroupName(h, b.User.GID)
	if err != nil || name != accounts.Number(b.User.GID) || b.Group == name {
		return err
	}
	return tool.Run(ctx, h, host.Cmd{Args: []string{"groupadd", "-g", name, "--", b.Group}})
}
