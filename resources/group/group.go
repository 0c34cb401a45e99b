// Package group is the resource type of groups. What is there is read from /etc/group; groupadd(8), groupmod(8), groupdel(8) and gpasswd(1) change it.
package group

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/tool"
)

var (
	_ resources.Resource   = (*Group)(nil)
	_ resources.Validator  = (*Group)(nil)
	_ resources.Identified = (*Group)(nil)
	_ resources.Absentee   = (*Group)(nil)
	_ resources.Locker     = (*Group)(nil)
	_ resources.Restorer   = (*Group)(nil)
	_ resources.Inspector  = (*Group)(nil)
	_ resources.Lister     = (*Group)(nil)
)

// Type is group.
func Type() resources.Type {
	return resources.Type{Name: "group", New: func(title string) resources.Resource { return &Group{Name: title, Ensure: present} }}
}

// Group is a group of the node, an entry of /etc/group, changed by groupadd(8), groupmod(8), groupdel(8) and gpasswd(1): where BusyBox has the accounts,
// as on Alpine, it needs the package `shadow`. A group that only the node's name services (LDAP) know is as declared if it
// is there with the declared id; it cannot be changed.
//
// A group comes after the users that are its `members`, a user after its own `groups`: declare a membership on one of the two sides.
type Group struct {
	// The group's name. Default: the title.
	Name string `hcl:"name,title,public"`
	// `present` (default) or `absent`.
	Ensure string `hcl:"ensure"`
	// The group's number. Not set: left as it is; a new group gets the next free one.
	GID *uint32 `hcl:"gid"`
	// Whether a new group gets a number from those of the system's own. Default: false.
	System bool `hcl:"system"`
	// Users that are in the group, as one name or a list. Others that are in it stay, see `auth_membership`.
	Members resources.Strings `hcl:"members"`
	// Whether `members` lists all: others are taken out of the group. Default: false.
	AuthMembership bool `hcl:"auth_membership"`
}

const (
	present = "present"
	absent  = "absent"
)

// Validate checks names and words.
func (g *Group) Validate() error {
	var bad resources.Mistakes
	bad.Add("name", accounts.CheckName(g.Name))
	bad.OneOf("ensure", g.Ensure, present, absent)
	if g.Ensure == absent && g.Name == "root" {
		bad.Addf("ensure", "root is never removed")
	}
	if g.GID != nil {
		bad.Add("gid", accounts.CheckID(accounts.Number(*g.GID)))
	}
	for _, m := range g.Members {
		bad.Add("members", accounts.CheckReference(m))
	}
	return bad.Err()
}

// Provides is the group, by its name and by the number that it is to have.
func (g *Group) Provides() []resources.Identity {
	ids := []resources.Identity{{Kind: "group", Name: g.Name}}
	if g.GID != nil && g.Ensure != absent {
		ids = append(ids, accounts.GroupWithNumber(accounts.Number(*g.GID)))
	}
	return ids
}

// Requires lists the members. A group that is to go comes after the user of its name and after all users that are to go, whose own group it may be.
func (g *Group) Requires() []resources.Identity {
	if g.Ensure == absent {
		return []resources.Identity{{Kind: "user", Name: g.Name}, accounts.Leaver()}
	}
	ids := make([]resources.Identity, len(g.Members))
	for i, m := range g.Members {
		ids[i] = resources.Identity{Kind: "user", Name: m}
	}
	return ids
}

// Absent says whether the group is to go.
func (g *Group) Absent() bool { return g.Ensure == absent }

// Locks keeps two changes of accounts apart.
func (g *Group) Locks() []string { return []string{accounts.Lock} }

// found is the group as it is.
type found struct {
	*accounts.Group
	remote bool // only the name services know it
}

// look returns nil for a group that is not there.
func (g *Group) look(ctx context.Context, v host.View) (*found, error) {
	own, err := accounts.FindGroup(v, g.Name)
	if err != nil {
		return nil, err
	}
	if own != nil {
		return &found{Group: own}, nil
	}
	far, err := v.LookupGroup(ctx, g.Name)
	if errors.Is(err, host.ErrUnknownAccount) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found{&accounts.Group{Name: g.Name, GID: far.GID}, true}, nil
}

// members is who should be in the group, sorted.
func (g *Group) members(is []string) []string {
	return accounts.Together(g.Members, is, g.AuthMembership)
}

// gidFree finds another group that has the number before anything is changed.
func (g *Group) gidFree(ctx context.Context, v host.View) error {
	if g.GID == nil {
		return nil
	}
	return accounts.FreeGID(ctx, v, *g.GID, g.Name)
}

// membersThere finds users that are to join and are not there before anything is changed.
func (g *Group) membersThere(ctx context.Context, v host.View, is []string) error {
	for _, m := range g.Members {
		if slices.Contains(is, m) {
			continue
		}
		if _, err := v.LookupUser(ctx, m); err != nil {
			return &resources.AttrError{Attr: "members", Err: err}
		}
	}
	return nil
}

// Check compares the entry.
func (g *Group) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	f, err := g.look(ctx, v)
	if err != nil {
		return d, err
	}
	switch {
	case f == nil && g.Ensure == present:
		d.Compare("ensure", absent, present)
		return d, errors.Join(g.gidFree(ctx, v), g.membersThere(ctx, v, nil), accounts.Programs(v))
	case f == nil:
		return d, nil
	case g.Ensure == absent:
		d.Compare("ensure", present, absent)
	default:
		if g.GID != nil && f.GID != *g.GID {
			d.Compare("gid", accounts.Number(f.GID), accounts.Number(*g.GID))
			err = g.gidFree(ctx, v)
		}
		if g.Members != nil && !f.remote {
			is := slices.Sorted(slices.Values(f.Members))
			d.Compare("members", strings.Join(slices.Compact(is), ","), strings.Join(g.members(is), ","))
			err = errors.Join(err, g.membersThere(ctx, v, is))
		}
	}
	if !d.Empty() && err == nil {
		err = accounts.Programs(v)
	}
	if f.remote && !d.Empty() {
		return d, fmt.Errorf("%s is known to the node's name services alone, not to /etc/group: it cannot be changed here", g.Name)
	}
	return d, err
}

// Apply makes, changes or removes the group.
func (g *Group) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	run := func(args ...string) error { return tool.Run(ctx, h, host.Cmd{Args: args, Ends: true}) }
	var err error
	switch {
	case d.Has("ensure") && g.Ensure == absent:
		return run("groupdel", "--", g.Name)
	case d.Has("ensure"):
		args := []string{"groupadd"}
		if g.System {
			args = append(args, "-r")
		}
		if g.GID != nil {
			args = append(args, "-g", accounts.Number(*g.GID))
		}
		err = run(append(args, "--", g.Name)...)
	case d.Has("gid"):
		err = run("groupmod", "-g", accounts.Number(*g.GID), "--", g.Name)
	}
	if err != nil || g.Members == nil || !d.Has("members") && !d.Has("ensure") {
		return err
	}
	f, err := g.look(ctx, h) // under the lock: a user may have joined since the check
	if err != nil || f == nil {
		return err
	}
	return accounts.Move(f.Members, g.members(f.Members),
		func(user string) error { return run("gpasswd", "-a", user, "--", g.Name) },
		func(user string) error { return run("gpasswd", "-d", user, "--", g.Name) })
}

// before is what an undo needs.
type before struct {
	Name    string            `json:"name,omitempty"` // which need not be the title
	There   bool              `json:"there"`
	GID     *uint32           `json:"gid,omitempty"`
	Members resources.Strings `json:"members,omitempty"`
}

// Before keeps the entry.
func (g *Group) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	f, err := g.look(ctx, v)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return json.Marshal(before{Name: g.Name})
	}
	return json.Marshal(before{g.Name, true, &f.GID, append(resources.Strings{}, f.Members...)})
}

// recall reads what Before has kept, which is of the group by that name.
func (g *Group) recall(raw json.RawMessage) (b before, err error) {
	b, err = resources.Recall[before](raw)
	g.Name = cmp.Or(b.Name, g.Name)
	return b, err
}

// Now reads that entry again.
func (g *Group) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	if _, err := g.recall(raw); err != nil {
		return nil, err
	}
	return g.Before(ctx, v, resources.Diff{})
}

// Restore brings that entry back.
func (g *Group) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	b, err := g.recall(raw)
	if err != nil {
		return err
	}
	g.Ensure, g.GID, g.Members, g.AuthMembership = absent, b.GID, b.Members, true
	if b.There {
		g.Ensure, g.Members = present, resources.Strings{}
		for _, m := range b.Members {
			_, err := h.LookupUser(ctx, m)
			if err == nil {
				g.Members = append(g.Members, m)
			} else if !errors.Is(err, host.ErrUnknownAccount) { // whom the node does not know can be in no group
				return err
			}
		}
	}
	d, err := g.Check(ctx, h)
	if err != nil || d.Empty() {
		return err
	}
	return g.Apply(ctx, h, d)
}

// Inspect fills the attributes from the entry.
func (g *Group) Inspect(ctx context.Context, v host.View) error {
	f, err := g.look(ctx, v)
	if err != nil {
		return err
	}
	if f == nil {
		g.Ensure = absent
		return nil
	}
	g.Ensure, g.GID = present, &f.GID
	if len(f.Members) > 0 {
		g.Members = f.Members
	}
	return nil
}

// List returns the groups of /etc/group whose names match.
func (g *Group) List(_ context.Context, v host.View, of string) ([]string, error) {
	return accounts.ListGroups(v, of)
}
