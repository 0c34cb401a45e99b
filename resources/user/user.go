// Package user is the resource type of users. What is there is read from /etc/passwd, /etc/group and /etc/shadow; useradd(8), usermod(8),
// userdel(8), gpasswd(1) and chpasswd(8) change it. A password reaches chpasswd on its standard input, no process listing shows it.
package user

import (
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

var (
	_ resources.Resource   = (*User)(nil)
	_ resources.Validator  = (*User)(nil)
	_ resources.Identified = (*User)(nil)
	_ resources.Toucher    = (*User)(nil)
	_ resources.Absentee   = (*User)(nil)
	_ resources.Locker     = (*User)(nil)
	_ resources.Restorer   = (*User)(nil)
	_ resources.Taker      = (*User)(nil)
	_ resources.Inspector  = (*User)(nil)
	_ resources.Lister     = (*User)(nil)
)

// Type is user.
func Type() resources.Type {
	return resources.Type{
		Name: "user",
		New: func(title string) resources.Resource {
			return &User{Name: title, Ensure: present, Membership: minimum}
		},
	}
}

// User is a user of the node, an entry of /etc/passwd, changed by useradd(8), usermod(8), userdel(8) and gpasswd(1): where BusyBox has the accounts, as
// on Alpine, it needs the package `shadow`. A user that only the node's name services (LDAP) know is as declared if it is there
// with the declared attributes; of it, only the membership in groups of /etc/group can be changed.
type User struct {
	// The user's name. Default: the title.
	Name string `hcl:"name,title,public"`
	// `present` (default) or `absent`.
	Ensure string `hcl:"ensure"`
	// The user's number. Not set: left as it is; a new user gets the next free one.
	UID *uint32 `hcl:"uid"`
	// The user's own group, by name or number. It must be there. Not set: left as it is; a new user gets the group of its name, which
	// is made with it where the node's useradd does so.
	GID resources.Scalar `hcl:"gid,public"`
	// Further groups that the user is in, by name, as one name or a list. They must be there, in /etc/group.
	Groups resources.Strings `hcl:"groups,public"`
	// Whether `groups` lists the least (`minimum`, default) or all (`inclusive`) that the user is in.
	Membership string `hcl:"membership"`
	// The home folder, an absolute path. Not set: left as it is; of a new user what useradd takes.
	Home string `hcl:"home,public"`
	// Whether the home folder is made with the user, moved when `home` changes, and removed with the user. Where there is one at both places, or the
	// old one belongs to somebody else, the move is refused. A folder that belongs to somebody else, or has another user's home in it, outlives the user. Default: false.
	ManageHome bool `hcl:"managehome"`
	// The login shell, an absolute path. A user is not given one that is not there or cannot be run.
	Shell string `hcl:"shell,public"`
	// The user's full name, or another remark.
	Comment *string `hcl:"comment,public"`
	// The password as a hash of crypt(5), such as `openssl passwd -6` makes; `"!"` or `"*"` lets no password in. It is never shown.
	Password *string `hcl:"password,secret"`
	// Whether a new user gets a number from those of the system's own. Default: false.
	System bool `hcl:"system"`
	// The day from which on the account is locked, `YYYY-MM-DD`, 1970-01-01 or later, or `absent` for none.
	Expiry string `hcl:"expiry,public"`

	entire bool // an empty shell is declared as well: an undo
}

// The values of ensure and membership.
const (
	present   = "present"
	absent    = "absent"
	minimum   = "minimum"
	inclusive = "inclusive"
)

// Validate checks names, words, paths and that the password is a hash.
func (u *User) Validate() error {
	var bad resources.Mistakes
	bad.Add("name", accounts.CheckName(u.Name))
	bad.OneOf("ensure", u.Ensure, present, absent)
	if u.Ensure == absent && u.Name == "root" {
		bad.Addf("ensure", "root is never removed")
	}
	bad.OneOf("membership", u.Membership, minimum, inclusive)
	if u.UID != nil {
		bad.Add("uid", accounts.CheckID(accounts.Number(*u.UID)))
	}
	bad.Add("gid", accounts.CheckOwner(string(u.GID)))
	for _, g := range u.Groups {
		bad.Add("groups", accounts.CheckReference(g))
	}
	for _, f := range []struct{ attr, value string }{{"home", u.Home}, {"shell", u.Shell}} {
		if f.value != "" && (!path.IsAbs(f.value) || slices.Contains(strings.Split(f.value, "/"), "..") || strings.ContainsAny(f.value, ":\n\x00")) {
			bad.Addf(f.attr, "%q is no absolute path without `..` and colons", f.value)
		}
	}
	if u.Comment != nil && (strings.Contains(*u.Comment, ":") || strings.ContainsFunc(*u.Comment, unicode.IsControl)) {
		bad.Addf("comment", "colons, line ends and control characters cannot stand in /etc/passwd")
	}
	if u.Password != nil {
		bad.Add("password", accounts.CheckHash(*u.Password))
	}
	if u.Expiry != "" && u.Expiry != absent {
		bad.Add("expiry", accounts.CheckExpiry(u.Expiry))
	}
	return bad.Err()
}

// folder is the home folder as declared or, where it is not, as useradd takes it.
func (u *User) folder() string {
	if u.Home == "" {
		return "/home/" + u.Name
	}
	return path.Clean(u.Home)
}

// Provides is the user, by its name and by the number that it is to have.
func (u *User) Provides() []resources.Identity {
	ids := []resources.Identity{{Kind: "user", Name: u.Name}}
	switch {
	case u.Ensure == absent:
		ids = append(ids, accounts.Leaver())
	case u.UID != nil:
		ids = append(ids, accounts.UserWithNumber(*u.UID))
	}
	return ids
}

// Requires lists the groups, the shell, and what is mounted where the home folder is made. A user that is to go comes after its jobs and keys that are to go.
func (u *User) Requires() []resources.Identity {
	if u.Ensure == absent {
		return []resources.Identity{accounts.Belonging(u.Name)}
	}
	var ids []resources.Identity
	switch own := string(u.GID); {
	case own == "":
		ids = append(ids, resources.Identity{Kind: "group", Name: u.Name})
	case accounts.IsNumber(own):
		ids = append(ids, accounts.GroupWithNumber(own))
	default:
		ids = append(ids, resources.Identity{Kind: "group", Name: own})
	}
	for _, g := range u.Groups {
		ids = append(ids, resources.Identity{Kind: "group", Name: g})
	}
	if u.Shell != "" {
		ids = append(ids, resources.Identity{Kind: "path", Name: u.Shell})
	}
	if u.ManageHome {
		ids = append(ids, resources.Identity{Kind: "mount", Name: u.folder(), Nearest: true})
	}
	return ids
}

// Touches is the home folder, which is made with the user where that is declared. Root's is not the account's to make.
func (u *User) Touches() []resources.Touch {
	if u.Name == "root" {
		return nil
	}
	ts := []resources.Touch{{Path: u.folder(), How: resources.Houses}}
	switch {
	case !u.ManageHome:
	case u.Ensure == absent:
		ts = append(ts, resources.Touch{Path: u.folder(), How: resources.Removes})
	default:
		ts = append(ts, resources.Touch{Path: u.folder(), How: resources.Makes})
	}
	return ts
}

// Absent says whether the user is to go.
func (u *User) Absent() bool { return u.Ensure == absent }

// Locks keeps two changes of accounts apart.
func (u *User) Locks() []string { return []string{accounts.Lock} }
