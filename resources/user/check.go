package user

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/user/internal/entry"
	"github.com/nodeapply/apply/resources/user/internal/home"
)

// groups is the list of the groups that the user should be in, sorted.
func (u *User) groups(is []string) []string {
	return accounts.Together(u.Groups, is, u.Membership == inclusive)
}

// Check compares the entries. A shell that is missing is told where it would be given.
func (u *User) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	d, err := u.check(ctx, v)
	if err == nil && u.Ensure == present && (d.Has("ensure") || d.Has("shell")) {
		err = u.shellRuns(v)
	}
	return d, err
}

func (u *User) check(ctx context.Context, v host.View) (resources.Diff, error) {
	f, err := entry.Look(ctx, v, u.Name)
	var d resources.Diff
	switch {
	case err != nil || f == nil && u.Ensure == absent:
		return d, err
	case f == nil:
		_, err := u.gid(ctx, v) // before anything is made
		d.Compare("ensure", absent, present)
		return d, errors.Join(u.uidFree(ctx, v), err, u.groupsThere(ctx, v, nil), accounts.Programs(v))
	case u.Ensure == absent:
		var why string
		if u.ManageHome {
			why, err = home.Stays(v, &f.User)
		}
		if why != "" {
			d.Notes = append(d.Notes, why)
		}
		d.Changes = []resources.Change{{Attr: "ensure", From: present, To: absent, Irreversible: u.ManageHome && why == ""}}
	default:
		if err = u.compare(ctx, v, f, &d); err == nil && !f.Remote {
			d.Notes, err = u.lacks(v, f, &d)
		}
	}
	only := d.Empty() || len(d.Changes) == 1 && d.Has("groups")
	if err == nil && f.Remote && !only {
		err = fmt.Errorf("%s is known to the node's name services alone, not to /etc/passwd: it cannot be changed here", u.Name)
	}
	if err == nil && !d.Empty() {
		err = accounts.Programs(v)
	}
	return d, err
}

// lacks says what a useradd that was cut off would still have made: no later run makes it.
func (u *User) lacks(v host.View, f *entry.Found, d *resources.Diff) (notes []string, err error) {
	if u.ManageHome && !d.Has("home") {
		st, err := v.Lstat(f.Home)
		if err != nil {
			return nil, err
		}
		if st.Kind == host.Absent {
			notes = append(notes, fmt.Sprintf("%s is not there: managehome makes it with the user only; `mkhomedir_helper %s` makes it now", f.Home, u.Name))
		}
	}
	if d.Has("password") {
		return notes, nil
	}
	s, err := accounts.FindShadow(v, u.Name)
	if err != nil || s.Listed { // whoever may not read it is told nothing of it
		return notes, nil
	}
	if st, err := v.Lstat("/etc/shadow"); err != nil || st.Kind == host.Absent {
		return notes, err
	}
	return append(notes, fmt.Sprintf("/etc/shadow has no line for %s, which keeps this user out; `pwconv` makes it", u.Name)), nil
}

// compare says what differs. What an earlier resource may be about to make, such as a group, is an error that comes with the differences.
func (u *User) compare(ctx context.Context, v host.View, f *entry.Found, d *resources.Diff) error {
	var missing error
	if u.UID != nil && f.UID != *u.UID {
		d.Compare("uid", accounts.Number(f.UID), accounts.Number(*u.UID))
		missing = u.uidFree(ctx, v)
	}
	if u.GID != "" && string(u.GID) != accounts.Number(f.GID) { // of which there need be no group
		gid, err := u.gid(ctx, v)
		missing = cmp.Or(missing, err)
		if err != nil || gid != f.GID {
			is, err := accounts.GroupName(v, f.GID)
			if err != nil {
				return err
			}
			d.Compare("gid", is, string(u.GID))
		}
	}
	if u.Groups != nil {
		d.Compare("groups", strings.Join(f.Groups, ","), strings.Join(u.groups(f.Groups), ","))
		missing = cmp.Or(missing, u.groupsThere(ctx, v, f.Groups))
	}
	if u.Home != "" && path.Clean(f.Home) != u.folder() {
		d.Compare("home", f.Home, u.folder())
		_, err := u.moves(v, &f.User)
		missing = cmp.Or(missing, err)
	}
	if u.Shell != "" || u.entire {
		d.Compare("shell", f.Shell, u.Shell)
	}
	if u.Comment != nil {
		d.Compare("comment", f.Comment, *u.Comment)
	}
	return cmp.Or(u.compareShadow(v, d), missing)
}

func (u *User) compareShadow(v host.View, d *resources.Diff) error {
	if u.Password == nil && u.Expiry == "" {
		return nil
	}
	s, err := accounts.FindShadow(v, u.Name)
	if err != nil {
		return err
	}
	switch {
	case u.Password == nil:
	case *u.Password != s.Password:
		d.Compare("password", "(another hash)", "(the declared hash)")
	case s.Open && !u.entire: // an undo leaves it where it was
		d.Compare("password", "(in /etc/passwd)", "(in /etc/shadow)")
	}
	if s.Expiry == "" {
		s.Expiry = absent
	}
	if u.Expiry != "" {
		d.Compare("expiry", s.Expiry, u.Expiry)
	}
	return nil
}

// gid is the number of the declared group.
func (u *User) gid(ctx context.Context, v host.View) (uint32, error) {
	if u.GID == "" {
		return 0, nil
	}
	g, err := v.LookupGroup(ctx, string(u.GID))
	if err != nil {
		return 0, &resources.AttrError{Attr: "gid", Err: err}
	}
	if g.Name == string(u.GID) && accounts.IsNumber(g.Name) { // a number that no group has
		return 0, &resources.AttrError{Attr: "gid", Err: fmt.Errorf("group %s: unknown to this node", g.Name)}
	}
	return g.GID, nil
}

// uidFree finds another user who has the number before anything is changed.
func (u *User) uidFree(ctx context.Context, v host.View) error {
	if u.UID == nil {
		return nil
	}
	return accounts.FreeUID(ctx, v, *u.UID, u.Name)
}

// groupsThere finds groups that the user cannot join before anything is changed.
func (u *User) groupsThere(ctx context.Context, v host.View, is []string) error {
	for _, name := range u.Groups {
		if slices.Contains(is, name) {
			continue
		}
		own, err := accounts.FindGroup(v, name)
		if own == nil && err == nil {
			if _, err = v.LookupGroup(ctx, name); err == nil {
				err = fmt.Errorf("group %q: known to the node's name services alone, not to /etc/group: nobody can join it here", name)
			}
		}
		if err != nil {
			return &resources.AttrError{Attr: "groups", Err: err}
		}
	}
	return nil
}

// moves says whether the home folder is to be moved to the declared one, see [home.Moves].
func (u *User) moves(v host.View, is *accounts.User) (bool, error) {
	if !u.ManageHome {
		return false, nil
	}
	moves, err := home.Moves(v, is, u.folder())
	if err != nil {
		err = &resources.AttrError{Attr: "home", Err: err}
	}
	return moves, err
}

// shellRuns is an error for a shell that would lock the user out.
func (u *User) shellRuns(v host.View) error {
	if u.Shell == "" {
		return nil
	}
	st, err := v.Lstat(u.Shell)
	switch {
	case err != nil:
	case st.Kind == host.Symlink: // that of a system's own shell leads where its package says
		return nil
	case st.Kind == host.Absent:
		err = fmt.Errorf("%s: does not exist", u.Shell)
	case st.Kind != host.Regular || st.Mode&0o111 == 0:
		err = fmt.Errorf("%s: cannot be run", u.Shell)
	}
	if err != nil {
		return &resources.AttrError{Attr: "shell", Err: err}
	}
	return nil
}

// Inspect fills the attributes from the entries, apart from the password.
func (u *User) Inspect(ctx context.Context, v host.View) error {
	f, err := entry.Look(ctx, v, u.Name)
	if err != nil {
		return err
	}
	if f == nil {
		u.Ensure = absent
		return nil
	}
	group, err := accounts.GroupName(v, f.GID)
	if err != nil {
		return err
	}
	s, err := accounts.FindShadow(v, u.Name)
	if err != nil {
		return err
	}
	u.Ensure, u.UID, u.GID, u.Home, u.Shell, u.Expiry = present, &f.UID, resources.Scalar(group), f.Home, f.Shell, s.Expiry
	if f.Comment != "" {
		u.Comment = &f.Comment
	}
	if len(f.Groups) > 0 {
		u.Groups = f.Groups
	}
	return nil
}

// List returns the users of /etc/passwd whose names match.
func (u *User) List(_ context.Context, v host.View, of string) ([]string, error) {
	return accounts.ListUsers(v, of)
}
