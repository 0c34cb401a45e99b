package user

import (
	"context"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/tool"
	"github.com/nodeapply/apply/resources/user/internal/home"
)

// Apply makes, changes or removes the user.
func (u *User) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	run := func(args ...string) error { return tool.Run(ctx, h, host.Cmd{Args: args, Ends: true}) }
	var err error
	switch {
	case d.Has("ensure") && u.Ensure == absent:
		return u.remove(h, run)
	case d.Has("ensure"):
		err = u.create(h, run)
	default:
		err = u.modify(h, d, run)
	}
	if err == nil {
		err = u.join(h, d, run)
	}
	if err != nil || u.Password == nil || !d.Has("password") && !d.Has("ensure") {
		return err
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
	return tool.Run(ctx, h, host.Cmd{Args: []string{"chpasswd", "-e"}, Stdin: strings.NewReader(u.Name + ":" + *u.Password + "\n"), Ends: true})
}

// remove removes the user and, if it is to go too, its home folder.
func (u *User) remove(v host.View, run func(args ...string) error) error {
	args := []string{"userdel"}
	if u.ManageHome {
		is, err := accounts.FindUser(v, u.Name)
		if is == nil {
			return err
		}
		switch why, err := home.Stays(v, is); {
		case err != nil:
			return err
		case why == "":
			args = append(args, "-r")
		}
	}
	return run(append(args, "--", u.Name)...)
}

// create makes the user.
func (u *User) create(v host.View, run func(args ...string) error) error {
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
			return err
		}
		if own != nil {
			args = append(args, "-g", u.Name)
		}
	}
	args = append(args, u.options(func(string) bool { return true })...)
	err := run(append(args, "--", u.Name)...)
	if err == nil && u.System && u.expires() != "" { // useradd forgets it of those
		err = run("usermod", "-e", u.expires(), "--", u.Name)
	}
	return err
}

// modify changes what usermod(8) can change.
func (u *User) modify(v host.View, d resources.Diff, run func(args ...string) error) error {
	args := u.options(d.Has)
	move, err := u.homeMoves(v, d)
	if move {
		args = append(args, "-m")
	}
	if err != nil || len(args) == 0 {
		return err
	}
	return run(slices.Concat([]string{"usermod"}, args, []string{"--", u.Name})...)
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
		add("uid", "-u", accounts.Number(*u.UID), true)
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
