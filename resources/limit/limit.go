// Package limit is the resource type that lets only so many nodes at a time change what is inside it.
package limit

import (
	"context"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

var (
	_ resources.Resource   = (*Limit)(nil)
	_ resources.Validator  = (*Limit)(nil)
	_ resources.Identified = (*Limit)(nil)
	_ resources.Limiter    = (*Limit)(nil)
	_ resources.Place      = (*exchange.Held)(nil)
)

// Link is the run's part in the exchange.
type Link interface {
	// Shared says that other nodes may take part.
	Shared() bool
	// Enter waits for a place; nil where the limit does not concern this node.
	Enter(ctx context.Context, limit string, most int, group string, progress func(inside []view.Place)) (*exchange.Held, error)
}

// Type is limit.
func Type(l Link) resources.Type {
	return resources.Type{
		Name:      "limit",
		New:       func(title string) resources.Resource { return &Limit{Name: title, Max: 1, link: l} },
		Timeout:   time.Hour,
		Stateless: "it concerns what is inside it and leaves nothing on the node",
	}
}

// Limit lets only so many nodes at a time change what names it (`limit = limit.NAME`, one or a list, on resources and modules): for rolling restarts.
//
// A node enters when the first such resource is to be changed or refreshed, first come first, and leaves when it has ended, or, where others of the same
// limit come after it, when all of these have. Commands inside find in `APPLY_FENCE` a number that grows with every node that enters (of several limits
// the last; each also as `APPLY_FENCE_NAME`), by which what they change can refuse one who is late. When the exchange does not hear of a node for too long,
// its place is lost: what it is doing inside is ended and fails, and the next node enters.
//
// Several limits are entered in the order of their names. A limit cannot be held across a `wait`, nor across one whose name comes before its own.
// `timeout` (default 1h) is how long to wait for a place; the error names who is inside.
type Limit struct {
	// The name by which all nodes know the limit: lower-case letters, digits and `_`. Default: the title.
	Name string `hcl:"name,title,public"`
	// How many nodes may be inside. Default: 1.
	Max int `hcl:"max"`
	// Nodes of this group only; others are neither held back nor counted. Default: all nodes of the deployment.
	Group string `hcl:"group"`

	link Link
}

// Validate checks name, number and group.
func (l *Limit) Validate() error {
	var bad resources.Mistakes
	bad.Add("name", name.Limit(l.Name))
	if l.Max < 1 {
		bad.Addf("max", "%d: want 1 or more", l.Max)
	}
	if l.Group != "" {
		bad.Add("group", name.Group(l.Group))
	}
	return bad.Err()
}

// Check finds nothing to change: a limit concerns what is inside it.
func (l *Limit) Check(context.Context, host.View) (resources.Diff, error) {
	if l.link.Shared() {
		return resources.Diff{}, nil
	}
	return resources.Diff{Notes: []string{"counts this node alone: " + exchange.ErrLocal.Error()}}, nil
}

// Apply has nothing to do.
func (l *Limit) Apply(context.Context, host.Host, resources.Diff) error { return nil }

// Enter implements [resources.Limiter].
func (l *Limit) Enter(ctx context.Context) (resources.Place, error) {
	held, err := l.link.Enter(ctx, l.Name, l.Max, l.Group, func(inside []view.Place) {
		resources.Tell(ctx, "waiting for limit."+l.Name+", "+view.InsideText(inside))
	})
	if err != nil || held == nil {
		return nil, err
	}
	return held, nil
}

// Provides returns the limit's name: two of one name are one limit.
func (l *Limit) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "limit", Name: l.Name}}
}

// Requires returns nothing.
func (l *Limit) Requires() []resources.Identity { return nil }
