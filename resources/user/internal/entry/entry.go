// Package entry is what a node has of a user: its entries as they are, and as they were, for an undo.
package entry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/tool"
)

// Found is a user as it is.
type Found struct {
	accounts.User
	Groups []string // further groups, sorted
	Remote bool     // only the name services know it
}

// Look returns nil for a user that is not there.
func Look(ctx context.Context, v host.View, name string) (*Found, error) {
	own, err := accounts.FindUser(v, name)
	if err != nil {
		return nil, err
	}
	f := &Found{Remote: own == nil}
	if own != nil {
		f.User = *own
	} else {
		far, err := v.LookupUser(ctx, name)
		if errors.Is(err, host.ErrUnknownAccount) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		f.User = accounts.User{Name: far.Name, UID: far.UID, GID: far.GID, Home: far.Home, Shell: far.Shell}
	}
	f.Groups, err = accounts.GroupsOf(v, name)
	return f, err
}

// Before is what an undo needs. The user's own group is kept because it goes with the user.
type Before struct {
	Name     string            `json:"name,omitempty"` // which need not be the title
	There    bool              `json:"there"`
	HomeMade bool              `json:"home_made,omitempty"`  // the home folder was not there, and is made
	Moved    bool              `json:"home_moved,omitempty"` // it was there, and is moved, or removed with the user
	User     *accounts.User    `json:"user,omitempty"`
	Group    string            `json:"group,omitempty"`
	Groups   resources.Strings `json:"groups,omitempty"`
	Shadow   accounts.Shadow   `json:"shadow"`
}

// Recall reads what [Before.Keep] has written. What does not say whose it is is of the user by that name.
func Recall(raw json.RawMessage, name string) (b Before, err error) {
	b, err = resources.Recall[Before](raw)
	b.Name = cmp.Or(b.Name, name)
	return b, err
}

// Keep writes b with the entries of the user, if it is there.
func (b Before) Keep(v host.View, f *Found) (_ json.RawMessage, err error) {
	if f == nil {
		return json.Marshal(b)
	}
	b.There, b.User, b.Groups = true, &f.User, f.Groups
	if b.Group, err = accounts.GroupName(v, f.GID); err != nil {
		return nil, err
	}
	if b.Shadow, err = accounts.FindShadow(v, b.Name); err != nil {
		return nil, err
	}
	return json.Marshal(b)
}

// RestoreGroup makes the user's own group again, which userdel took away.
func (b Before) RestoreGroup(ctx context.Context, h host.Host) error {
	name, err := accounts.GroupName(h, b.User.GID)
	if err != nil || name != accounts.Number(b.User.GID) || b.Group == name {
		return err
	}
	return tool.Run(ctx, h, host.Cmd{Args: []string{"groupadd", "-g", name, "--", b.Group}, Ends: true})
}

// RestoreAgeing sets for how long the password is good, which a new entry and a new password have anew.
func (b Before) RestoreAgeing(ctx context.Context, h host.Host) error {
	is, err := accounts.FindShadow(h, b.Name)
	was := b.Shadow.Ageing
	if err != nil || is.Ageing == was || was == (accounts.Ageing{}) { // which earlier versions did not keep
		return err
	}
	args := []string{"chage"}
	for i, option := range []string{"-d", "-m", "-M", "-W", "-I"} {
		args = append(args, option, cmp.Or(was[i], "-1")) // none
	}
	return tool.Run(ctx, h, host.Cmd{Args: append(args, "--", b.Name), Ends: true})
}
