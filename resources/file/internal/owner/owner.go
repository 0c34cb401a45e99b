// Package owner is the user and the group of files.
package owner

import (
	"context"
	"errors"
	"strconv"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Owner is a user and a group, by name or id. An empty one is not managed.
type Owner struct {
	User, Group string
	UID, GID    *uint32 // nil: not managed, or the node does not have it
}

// Declared looks up a user and a group, and returns those that the node does not have as missing.
func Declared(ctx context.Context, v host.View, user, group string) (o Owner, missing error) {
	o = Owner{User: user, Group: group}
	if user != "" {
		if u, err := v.LookupUser(ctx, user); err != nil {
			missing = &resources.AttrError{Attr: "owner", Err: err}
		} else {
			o.UID = &u.UID
		}
	}
	if group != "" {
		if g, err := v.LookupGroup(ctx, group); err == nil {
			o.GID = &g.GID
		} else {
			missing = errors.Join(missing, &resources.AttrError{Attr: "group", Err: err})
		}
	}
	return o, missing
}

// Compare returns the changes of owner and group of what st is, which is fresh if it is yet to be made.
func (o Owner) Compare(ctx context.Context, v host.View, st host.Stat, fresh bool) []resources.Change {
	var changes []resources.Change
	if o.User != "" && (fresh || o.UID == nil || *o.UID != st.UID) {
		c := resources.Change{Attr: "owner", To: o.User}
		if !fresh {
			c.From = userName(ctx, v, st.UID)
		}
		changes = append(changes, c)
	}
	if o.Group != "" && (fresh || o.GID == nil || *o.GID != st.GID) {
		c := resources.Change{Attr: "group", To: o.Group}
		if !fresh {
			c.From = groupName(ctx, v, st.GID)
		}
		changes = append(changes, c)
	}
	return changes
}

// Names are those of the accounts of what st is; of one that the node does not know its id.
func Names(ctx context.Context, v host.View, st host.Stat) (user, group string) {
	return userName(ctx, v, st.UID), groupName(ctx, v, st.GID)
}

func userName(ctx context.Context, v host.View, uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if user, err := v.LookupUser(ctx, id); err == nil && user.Name != "" {
		return user.Name
	}
	return id
}

func groupName(ctx context.Context, v host.View, gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if group, err := v.LookupGroup(ctx, id); err == nil && group.Name != "" {
		return group.Name
	}
	return id
}
