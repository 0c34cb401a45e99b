// Package wait is the resource type that ends when other nodes' facts are there.
package wait

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
)

var (
	_ resources.Resource  = (*Wait)(nil)
	_ resources.Validator = (*Wait)(nil)
	_ resources.Valued    = (*Wait)(nil)
	_ resources.Waiter    = (*Wait)(nil)
)

// Link is the run's part in the exchange.
type Link interface {
	// Look shows what stands in the exchange, with this node as it is now.
	Look(ctx context.Context, f func(node string, v *view.View)) error
	// Wait waits until a wait is met, or can never be.
	Wait(ctx context.Context, w record.Wait, progress func(verdict.Verdict)) (exchange.Values, error)
}

// Type is wait.
func Type(l Link) resources.Type {
	return resources.Type{
		Name:      "wait",
		New:       func(title string) resources.Resource { return &Wait{name: title, link: l} },
		Timeout:   10 * time.Minute,
		Late:      []string{"nodes", "others", "names", "first", "count", "value"},
		Stateless: "it waits for other nodes' facts and leaves nothing on this one",
		Awaits:    true,
	}
}

// Wait ends when a fact of other nodes is there; only what requires it waits.
//
// Its values: nodes (a map of name to that node's exported facts, hostname always among them), others (the same without this node), names (sorted), first (of names)
// and count; for a parameter, value. It fails at once when a node can no longer export the fact, and when nodes wait for each other;
// `timeout` (default 10m) is the last resort.
type Wait struct {
	// The name of the fact, or `param.NAME` for a parameter that an orchestrator hands over.
	Fact string `hcl:"fact,required"`
	// All nodes of this group, this node included if it is in it.
	Group string `hcl:"group"`
	// Names of nodes, in place of a group.
	Nodes resources.Strings `hcl:"nodes"`
	// How many nodes must have the fact at least. Default: one of a group, all of the named nodes.
	Min *int `hcl:"min"`
	// The value to wait for. Default: any that is not false or null.
	Equals any `hcl:"equals"`

	name   string
	link   Link
	values *exchange.Values
}

// Name gives the wait the name by which other nodes are told of it. Default: the title.
func (w *Wait) Name(name string) { w.name = name }

// Spec is what is waited for.
func (w *Wait) Spec() (record.Wait, error) {
	spec := record.Wait{Name: w.name, Fact: w.Fact, Group: w.Group, Nodes: w.Nodes}
	if w.Min != nil {
		spec.Min = *w.Min
	}
	if w.Equals != nil {
		var err error
		if spec.Equals, err = record.JSON(w.Equals); err != nil {
			return spec, err
		}
	}
	return spec, spec.Check()
}

// Validate checks the names, that it is said whose fact it is, and that there are as many nodes as are to have it.
func (w *Wait) Validate() error {
	var bad resources.Mistakes
	param, isParam := strings.CutPrefix(w.Fact, "param.")
	if isParam {
		bad.Add("fact", name.Param(param))
	} else {
		bad.Add("fact", name.Fact(w.Fact))
	}
	if w.Group != "" {
		bad.Add("group", name.Group(w.Group))
	}
	named := map[string]bool{}
	for _, node := range w.Nodes {
		if !named[node] {
			bad.Add("nodes", name.Node(node))
		}
		named[node] = true
	}
	if w.Min != nil && *w.Min < 1 {
		bad.Addf("min", "%d: want 1 or more", *w.Min)
	} else if w.Min != nil && len(named) > 0 && *w.Min > len(named) {
		bad.Addf("min", "want at most as many as there are in `nodes`, %d", len(named))
	}
	if _, err := record.JSON(w.Equals); err != nil {
		bad.Add("equals", err)
	}
	return errors.Join(bad.Err(), w.whose(isParam))
}

// whose checks that it is said whose fact it is.
func (w *Wait) whose(isParam bool) error {
	switch group, nodes := w.Group != "", len(w.Nodes) > 0; {
	case isParam && (group || nodes):
		return fmt.Errorf("a parameter is no node's: %s wants no `group` or `nodes`", w.Fact)
	case isParam || group != nodes:
		return nil
	case !group && w.Nodes != nil:
		return &resources.AttrError{Attr: "nodes", Err: errors.New("nobody is named; where there is nobody to wait for, let `when` be false")}
	}
	return errors.New("want `group` or `nodes`, one of the two")
}

// Check never waits: what is not met yet is a change.
func (w *Wait) Check(ctx context.Context, _ host.View) (resources.Diff, error) {
	if w.values != nil {
		return resources.Diff{}, nil
	}
	spec, err := w.Spec()
	if err != nil {
		return resources.Diff{}, err
	}
	var d verdict.Verdict
	var values exchange.Values
	err = w.link.Look(ctx, func(node string, v *view.View) {
		if d = verdict.Decide(v, spec, verdict.Asker{}); d.State == verdict.Met {
			values = exchange.ValuesOf(v, node, spec, d)
		}
	})
	if err != nil {
		return resources.Diff{
			Changes: []resources.Change{{Attr: "fact", From: "not known", To: w.Fact, Irreversible: true}},
			Notes:   []string{err.Error()},
		}, nil
	}
	if d.State == verdict.Met {
		w.values = &values
		return resources.Diff{}, nil
	}
	return resources.Diff{Changes: []resources.Change{{Attr: "fact", From: d.String(), To: w.wanted(), Irreversible: true}}}, nil
}

// wanted says what the wait is for.
func (w *Wait) wanted() string {
	if w.Equals != nil {
		b, _ := record.JSON(w.Equals) // Spec has done it before
		return fmt.Sprintf("%s = %s", w.Fact, b)
	}
	return w.Fact
}

// Apply waits. Meanwhile others have this resource's place.
func (w *Wait) Apply(ctx context.Context, _ host.Host, _ resources.Diff) error {
	spec, err := w.Spec()
	if err != nil {
		return err
	}
	waiting.ForOthers(ctx, func() {
		var values exchange.Values
		values, err = w.link.Wait(ctx, spec, func(d verdict.Verdict) {
			if d.State == verdict.Waiting && (d.Need > 0 || d.Away != nil || strings.HasPrefix(d.Fact, "param.")) {
				resources.Tell(ctx, "waiting for "+d.String())
			}
		})
		if err == nil {
			w.values = &values
		}
	})
	return err
}

// Waits implements [resources.Waiter].
func (w *Wait) Waits() {}

// Values are what the nodes have exported; nil before the wait is met.
func (w *Wait) Values() map[string]any {
	if w.values == nil {
		return nil
	}
	v := w.values
	names := make([]any, len(v.Names))
	for i, n := range v.Names {
		names[i] = n
	}
	return map[string]any{
		"nodes": nodes(v.Nodes), "others": nodes(v.Others), "names": names, "first": v.First, "count": v.Count, "value": plain(v.Value),
	}
}

func nodes(m map[string]map[string]json.RawMessage) map[string]any {
	out := make(map[string]any, len(m))
	for n, facts := range m {
		values := map[string]any{"hostname": n} // unless it exports one
		for f, v := range facts {
			values[f] = plain(v)
		}
		out[n] = values
	}
	return out
}

// plain is JSON as a value of the language; the exchange has checked it.
func plain(b json.RawMessage) any {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	return v
}
