// Package fact is the resource type that exports a fact of this node to the others.
package fact

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
)

var (
	_ resources.Resource   = (*Fact)(nil)
	_ resources.Validator  = (*Fact)(nil)
	_ resources.Identified = (*Fact)(nil)
	_ resources.Skipper    = (*Fact)(nil)
	_ resources.Restorer   = (*Fact)(nil)
)

// Link is the run's part in the exchange.
type Link interface {
	// Look shows what stands in the exchange, with this node as it is now.
	Look(ctx context.Context, f func(node string, v *view.View)) error
	// Kept is the value that the state folder keeps, nil for none.
	Kept(fact string) json.RawMessage
	Publish(ctx context.Context, fact string, value json.RawMessage, ttl time.Duration) error
	Withdraw(ctx context.Context, fact string) error
	Fail(ctx context.Context, fact, reason string) error
}

// Type is fact.
func Type(l Link) resources.Type {
	return resources.Type{
		Name:      "fact",
		New:       func(title string) resources.Resource { return &Fact{Name: title, Ensure: present, link: l} },
		Stateless: "`apply facts` shows this node's facts, those that it exports among them",
	}
}

const (
	present = "present"
	absent  = "absent"
)

// Fact exports a fact of this node: when what it requires has converged, the value is kept in the state folder and published in the
// exchange, where other nodes' waits see it. If what it requires fails, an export that stood from an earlier run is withdrawn.
type Fact struct {
	// The name of the fact. Default: the title.
	Name string `hcl:"name,title"`
	// Any value of at most 64 KiB as JSON. It may not be sensitive.
	Value any `hcl:"value,public"`
	// How long the fact counts after it was exported, a second or more. Default: as long as the node is not booted again.
	TTL resources.Duration `hcl:"ttl"`
	// `"present"` (default), or `"absent"`: an export is withdrawn.
	Ensure string `hcl:"ensure"`

	link Link
	done bool
}

// Validate checks name and value.
func (f *Fact) Validate() error {
	var bad resources.Mistakes
	bad.Add("name", name.Fact(f.Name))
	bad.OneOf("ensure", f.Ensure, present, absent)
	if ttl := time.Duration(f.TTL); ttl > 0 && ttl < time.Second {
		bad.Addf("ttl", "%s is too short: want a second or more, for the fact has to reach the exchange and other nodes", ttl)
	}
	if f.Ensure == present {
		if f.Value == nil {
			bad.Addf("value", "must be set")
		} else {
			_, err := f.json()
			bad.Add("value", err)
		}
	}
	return bad.Err()
}

func (f *Fact) json() (json.RawMessage, error) {
	b, err := record.JSON(f.Value)
	if err != nil {
		return nil, err
	}
	return b, record.CheckValue(b)
}

// Check compares with what stands in the exchange and in the state folder.
func (f *Fact) Check(ctx context.Context, _ host.View) (resources.Diff, error) {
	if f.done {
		return resources.Diff{}, nil
	}
	want, err := f.json()
	if err != nil {
		return resources.Diff{}, err
	}
	var d resources.Diff
	var stands view.Fact
	var there bool
	var left time.Duration
	err = f.link.Look(ctx, func(node string, v *view.View) {
		stands, there = v.Fact(node, f.Name)
		left = stands.TTL - v.Now.Sub(stands.Time)
	})
	if err != nil {
		d.Notes = append(d.Notes, fmt.Sprintf("what is exported is not known: %v", err))
	}
	kept := f.link.Kept(f.Name)
	ok := there && stands.Status == record.OK
	if f.Ensure == absent {
		if ok || kept != nil || err != nil {
			d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: present, To: absent})
		}
		return d, nil
	}
	switch {
	case ok && stands.Stale != "":
		d.Changes = append(d.Changes, resources.Change{Attr: "value", From: fmt.Sprintf("%s (%s)", stands.Value, stands.Stale), To: string(want)})
	case !ok:
		d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: absent, To: present}, resources.Change{Attr: "value", To: string(want)})
	case !record.Equal(stands.Value, want):
		d.Changes = append(d.Changes, resources.Change{Attr: "value", From: string(stands.Value), To: string(want)})
	case kept == nil || !record.Equal(kept, want):
		d.Changes = append(d.Changes, resources.Change{Attr: "value", From: string(kept), To: string(want)})
	case stands.TTL != time.Duration(f.TTL):
		d.Changes = append(d.Changes, resources.Change{Attr: "ttl", From: stands.TTL.String(), To: time.Duration(f.TTL).String()})
	case f.TTL > 0 && left < time.Duration(f.TTL)/2: // it has to be exported again in time
		d.Changes = append(d.Changes, resources.Change{Attr: "ttl", From: left.Round(time.Second).String() + " left", To: time.Duration(f.TTL).String()})
	}
	return d, nil
}

// Apply exports the fact, or takes it back.
func (f *Fact) Apply(ctx context.Context, _ host.Host, _ resources.Diff) error {
	value, err := f.json()
	if err != nil {
		return err
	}
	told := false
	ctx = store.WithAway(ctx, func(why error) {
		if !told {
			resources.Tell(ctx, "waiting for the exchange: "+why.Error())
		}
		told = true
	})
	waiting.ForOthers(ctx, func() {
		if f.Ensure == absent {
			err = f.link.Withdraw(ctx, f.Name)
		} else {
			err = f.link.Publish(ctx, f.Name, value, time.Duration(f.TTL))
		}
	})
	f.done = err == nil
	return err
}

// exported is what was exported before a run changed it.
type exported struct {
	Name  string             `json:"name"`
	Value json.RawMessage    `json:"value,omitempty"` // nil: nothing was
	TTL   resources.Duration `json:"ttl,omitempty"`
}

// Before returns what the state folder keeps of the fact. What had a time to live has less of it when it is put back: it counts anew.
func (f *Fact) Before(ctx context.Context, _ host.View, _ resources.Diff) (json.RawMessage, error) {
	was, err := f.exported(ctx, f.Name)
	if err != nil {
		was.TTL = f.TTL // the exchange is away: as it is declared now
	}
	return json.Marshal(was)
}

// recall reads what Before has written, of what can be the name of a fact.
func recall(before json.RawMessage) (exported, error) {
	was, err := resources.Recall[exported](before)
	if err == nil {
		err = name.Fact(was.Name)
	}
	return was, err
}

// Now returns what the state folder keeps of it now. Where the exchange is away it is not known for how long that counts.
func (f *Fact) Now(ctx context.Context, _ host.View, before json.RawMessage) (json.RawMessage, error) {
	was, err := recall(before)
	if err != nil {
		return nil, err
	}
	is, err := f.exported(ctx, was.Name)
	if err != nil {
		return nil, err
	}
	return json.Marshal(is)
}

// exported is what is exported now, without its time where the exchange is away.
func (f *Fact) exported(ctx context.Context, fact string) (exported, error) {
	is := exported{Name: fact, Value: f.link.Kept(fact)}
	if is.Value == nil {
		return is, nil
	}
	err := f.link.Look(ctx, func(node string, v *view.View) {
		if stands, ok := v.Fact(node, fact); ok {
			is.TTL = resources.Duration(stands.TTL)
		}
	})
	return is, err
}

// Restore exports what was exported before, or takes back what was not.
func (f *Fact) Restore(ctx context.Context, _ host.Host, before json.RawMessage) error {
	was, err := recall(before)
	if err != nil {
		return err
	}
	if was.Value == nil {
		return f.link.Withdraw(ctx, was.Name)
	}
	if err := record.CheckValue(was.Value); err != nil {
		return err
	}
	return f.link.Publish(ctx, was.Name, was.Value, time.Duration(was.TTL))
}

// Skip says that the fact will not come, as something that it requires failed.
func (f *Fact) Skip(ctx context.Context, _ host.Host, because string) error {
	if f.Ensure == absent {
		return nil
	}
	return f.link.Fail(ctx, f.Name, because)
}

// Provides returns the fact: it is exported once.
func (f *Fact) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "fact", Name: f.Name}}
}

// Requires returns nothing: what the fact stands for is said by require.
func (f *Fact) Requires() []resources.Identity { return nil }
