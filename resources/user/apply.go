package user

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/tool"
)

// Apply makes, changes or removes the user.
func (u *User) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	run := func(args ...string) error { return tool.Run(ctx, h, host.Cmd{Args: args}) }
	switch {
	case d.Has("ensure") && u.Ensure == absent:
		return u.remove(h, run)
	case d.Has("ensure"):
		args, err := u.creation(h)
		if err == nil {
			err = run(args...)
		}
		if err == nil && u.System && u.expires() != "" { // useradd forgets it of those
			err = run("usermod", "-e", u.expires(), "--", u.Name)
		}
		if err != nil {
			return err
		}
	default:
		args, err := u.modification(h, d)
		if err == nil && len(args) > 0 {
			err = run(append(append([]string{"usermod"}, args...), "--", u.Name)...)
		}
		if err != nil {
			return err
		}
	}
	if err := u.join(h, d, run); err != nil {
		return err
	}
	if u.Password == nil || !d.Has("password") && !d.Has("ensure") {
		return nil
	}
	return u.setPassword(ctx, h, run)
}

// setPassword tells chpasswd the hash. Where the password stood in /etc/passwd it would have to be there too: so it is taken out first.
func (u *User) setPassword(ctx context.Context, h host.Host, run func(args ...string) error) error {
	s, err := accounts.FindShadow(h, u.Name)
	if err == nil && s.Open {
		err = run("usermod", "-p", "x", "--", u.Name)
	}
	if err != nil {
		return err
	}
	return tool.Run(ctx, h, host.Cmd{Args: []string{"chpasswd", "-e"}, Stdin: strings.NewReader(u.Name + ":" + *u.Password + "\n")})
}

// remove removes the user and, if it is to go too, its home folder.
func (u *User) remove(v host.View, run func(args ...string) error) error {
	args := []string{"userdel"}
	if u.ManageHome {
		is, err := accounts.FindUser(v, u.Name)
		if is == nil {
			return err
		}
		switch why, err := u.homeStays(v, is); {
		case err != nil:
			return err
		case why == "":
			args = append(args, "-r")
		}
	}
	return run(append(args, "--", u.Name)...)
}

// creation is the command that makes the user.
func (u *User) creation(v host.View) ([]string, error) {
	args := []string{"useradd"}
	if u.System {
		args = append(args, "-r")
	}
	if u.ManageHome {
		args = append(args, "-m")
	} else {
		args = append(args, "-M")
	}
	if u.GID == "" { // useradd refuses to make a group that is there
		own, err := accounts.FindGroup(v, u.Name)
		if err != nil {
			return nil, err
		}
		if own != nil {
			args = append(args, "-g", u.Name)
		}
	}
	args = append(args, u.options(func(string) bool { return true })...)
	return append(args, "--", u.Name), nil
}

// modification is the options of usermod(8), none if it has nothing to do.
func (u *User) modification(v host.View, d resources.Diff) ([]string, error) {
	args := u.options(d.Has)
	move, err := u.homeMoves(v, d)
	if move {
		args = append(args, "-m")
	}
	return args, err
}

// homeMoves says whether the change moves the home folder.
func (u *User) homeMoves(v host.View, d resources.Diff) (bool, error) {
	if !d.Has("home") {
		return false, nil
	}
	is, err := accounts.FindUser(v, u.Name)
	if is == nil {
		return false, err
	}
	return u.moves(v, is)
}

// options are those that useradd and usermod share, for the attributes that are wanted and declared.
func (u *User) options(wanted func(attr string) bool) []string {
	var args []string
	add := func(attr, option, value string, declared bool) {
		if declared && wanted(attr) {
			args = append(args, option, value)
		}
	}
	if u.UID != nil {
		add("uid", "-u", number(*u.UID), true)
	}
	if u.Comment != nil {
		add("comment", "-c", *u.Comment, true)
	}
	add("gid", "-g", string(u.GID), u.GID != "")
	add("home", "-d", u.folder(), u.Home != "")
	add("shell", "-s", u.Shell, u.Shell != "" || u.entire)
	add("expiry", "-e", u.expires(), u.Expiry != "")
	return args
}

// expires is the day of expiry as those programs want it.
func (u *User) expires() string {
	if u.Expiry == absent {
		return ""
	}
	return u.Expiry
}

// join puts the user into its groups and takes it out of others.
func (u *User) join(v host.View, d resources.Diff, run func(args ...string) error) error {
	if u.Groups == nil || !d.Has("groups") && !d.Has("ensure") {
		return nil
	}
	is, err := accounts.GroupsOf(v, u.Name)
	if err != nil {
		return err
	}
	return accounts.Move(is, u.groups(is),
		func(group string) error { return run("gpasswd", "-a", u.Name, "--", group) },
		func(group string) error { return run("gpasswd", "-d", u.Name, "--", group) })
}

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

// Now reads the entries again. Who has to make, move or remove the home folder to bring one state back has to do so to bring the other one back.
func (u *User) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("what was before: %w", err)
	}
	if b.Name != "" {
		u.Name = b.Name
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
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return fmt.Errorf("what was before: %w", err)
	}
	if b.Name != "" {
		u.Name = b.Name
	}
	u.Ensure, u.ManageHome = absent, b.HomeMade || b.Moved
	if b.There {
		u.Ensure, u.Membership, u.entire = present, inclusive, true
		u.UID, u.GID = &b.User.UID, resources.Scalar(number(b.User.GID))
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
	if err != nil || name != number(b.User.GID) || b.Group == name {
		return err
	}
	return tool.Run(ctx, h, host.Cmd{Args: []string{"groupadd", "-g", name, "--", b.Group}})
}
