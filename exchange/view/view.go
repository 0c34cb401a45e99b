// Package view is what stands in a deployment at one revision, and what of it counts. It is pure: no store, no clock.
package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// View is what stands in a deployment at one revision. Records that are not well-formed are as good as not there, but named
// as such when they are asked for. A View is not safe for concurrent use, as it decodes what is asked for.
type View struct {
	Deployment string
	Revision   int64
	Now        time.Time // by the store's clock; zero where it has none

	nodes  map[string]*node
	params map[string]*cell
	groups map[string]map[string]bool // group to its members
}

type node struct {
	who    *record.Node
	runs   *cell // its run's record; nil: none
	facts  map[string]*cell
	limits map[string]*cell
}

// cell is one entry, decoded when it is first asked for.
type cell struct {
	key     name.Key
	entry   store.Entry
	decoded bool
	rec     any
	err     error
}

// run is a node's run; nil when there is none, or none that is well-formed.
func (x *node) run() *record.Run {
	if x == nil || x.runs == nil {
		return nil
	}
	if r, err := x.runs.record(); err == nil {
		return r.(*record.Run)
	}
	return nil
}

func (c *cell) record() (any, error) {
	if !c.decoded {
		c.rec, c.err = record.Decode(c.key, c.entry.Value)
		c.decoded = true
	}
	return c.rec, c.err
}

// New makes a view of an empty deployment.
func New(deployment string) *View {
	return &View{
		Deployment: deployment, nodes: map[string]*node{}, params: map[string]*cell{}, groups: map[string]map[string]bool{},
	}
}

// Of is the view of a deployment of which all is listed.
func Of(deployment string, l store.Listing) *View {
	v := New(deployment)
	v.Update(store.Update{Reset: &l})
	return v
}

// Update brings the view up to what a store says.
func (v *View) Update(u store.Update) {
	if u.Reset != nil {
		*v = *New(v.Deployment)
		for _, e := range u.Reset.Entries {
			v.set(store.Event{Entry: e})
		}
		v.Revision, v.Now = u.Reset.Revision, u.Reset.Now
	}
	for _, e := range u.Changes {
		v.set(e)
		v.Revision = max(v.Revision, e.Revision)
		if e.Time.After(v.Now) {
			v.Now = e.Time
		}
	}
}

func (v *View) set(e store.Event) {
	k, err := name.Parse(e.Key)
	if err != nil || k.Deployment != v.Deployment {
		return
	}
	c := &cell{key: k, entry: e.Entry}
	if k.Kind == name.KindParam {
		put(v.params, k.Name, c, e.Deleted)
		return
	}
	n := v.node(k.Node)
	switch k.Kind {
	case name.KindFact:
		put(n.facts, k.Name, c, e.Deleted)
	case name.KindLimit:
		put(n.limits, k.Name, c, e.Deleted)
	case name.KindNode:
		var who *record.Node
		if r, err := c.record(); err == nil && !e.Deleted {
			who = r.(*record.Node)
		}
		v.SetNode(k.Node, who)
	case name.KindRun:
		n.runs = c
		if e.Deleted {
			n.runs = nil
		}
	}
}

func put(m map[string]*cell, k string, c *cell, deleted bool) {
	if deleted {
		delete(m, k)
	} else {
		m[k] = c
	}
}

func (v *View) node(n string) *node {
	if v.nodes[n] == nil {
		v.nodes[n] = &node{facts: map[string]*cell{}, limits: map[string]*cell{}}
	}
	return v.nodes[n]
}

// SetNode says who a node is; nil that it is not known.
func (v *View) SetNode(n string, who *record.Node) {
	x := v.node(n)
	if x.who != nil {
		for _, g := range x.who.Groups {
			delete(v.groups[g], n)
		}
	}
	x.who = who
	if who == nil {
		return
	}
	for _, g := range who.Groups {
		if v.groups[g] == nil {
			v.groups[g] = map[string]bool{}
		}
		v.groups[g][n] = true
	}
}

// SetRun says what a node's run does, as written at a revision; nil that there is none.
func (v *View) SetRun(n string, run *record.Run, revision int64) {
	v.node(n).runs = nil
	if run != nil {
		v.node(n).runs = &cell{entry: store.Entry{Revision: revision}, decoded: true, rec: run}
	}
}

// Nodes are the names of all nodes that have written anything that still stands, sorted.
func (v *View) Nodes() []string {
	var out []string
	for n, x := range v.nodes {
		if x.who != nil || x.runs != nil || len(x.facts) > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Node says who a node is, and what its run does; either may be nil.
func (v *View) Node(n string) (*record.Node, *record.Run) {
	if x := v.nodes[n]; x != nil {
		return x.who, x.run()
	}
	return nil, nil
}

// RunRevision is the revision of what a node's run has written last, 0 where there is none.
func (v *View) RunRevision(n string) int64 {
	if x := v.nodes[n]; x != nil && x.runs != nil {
		return x.runs.entry.Revision
	}
	return 0
}

// Members are the nodes of a group, sorted.
func (v *View) Members(group string) []string { return slices.Sorted(maps.Keys(v.groups[group])) }

// Fact is one fact as it stands, and why it does not count although it does: "" when it does.
type Fact struct {
	record.Fact
	Revision int64
	Time     time.Time
	Stale    string
}

// Fact returns a node's fact; false when there is none at all. One that is not well-formed is stale for that reason.
func (v *View) Fact(n, fact string) (Fact, bool) {
	x := v.nodes[n]
	if x == nil || x.facts[fact] == nil {
		return Fact{}, false
	}
	c := x.facts[fact]
	f := Fact{Revision: c.entry.Revision, Time: c.entry.Time}
	r, err := c.record()
	if err != nil {
		f.Stale = err.Error()
		return f, true
	}
	f.Fact = *r.(*record.Fact)
	switch {
	case x.who != nil && x.who.Boot != "" && f.Boot != "" && f.Boot != x.who.Boot:
		f.Stale = "stale: the node has booted since"
	case f.TTL > 0 && !f.Time.IsZero() && !v.Now.IsZero() && v.Now.Sub(f.Time) > f.TTL:
		f.Stale = "stale: older than its ttl of " + f.TTL.String()
	}
	return f, true
}

// Told tells whether a run has said already what becomes of a fact: a run exports each once.
func (v *View) Told(n, fact string, run *record.Run) bool {
	f, ok := v.Fact(n, fact)
	return ok && f.Stale == "" && f.Run == run.ID
}

// Facts are the names of a node's facts, sorted, whatever their status.
func (v *View) Facts(n string) []string {
	if x := v.nodes[n]; x != nil {
		return slices.Sorted(maps.Keys(x.facts))
	}
	return nil
}

// Exported are the values of a node's facts that count.
func (v *View) Exported(n string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, fact := range v.Facts(n) {
		if f, ok := v.Fact(n, fact); ok && f.Status == record.OK && f.Stale == "" {
			out[fact] = f.Value
		}
	}
	return out
}

// Param is a parameter's value.
func (v *View) Param(p string) (json.RawMessage, bool) {
	c := v.params[p]
	if c == nil {
		return nil, false
	}
	r, err := c.record()
	if err != nil {
		return nil, false
	}
	return r.(*record.Param).Value, true
}

// Place is a node's place in a limit's queue.
type Place struct {
	Node  string
	Fence int64 // the revision that made it
	Run   string
	Doing string // what the node's run is at
}

// placesShown bounds how many a text names.
const placesShown = 8

// InsideText is one line for people: who is inside a limit, and what they are doing.
func InsideText(inside []Place) string {
	if len(inside) == 0 {
		return "nobody is inside"
	}
	var texts []string
	for i, p := range inside {
		if i == placesShown {
			texts = append(texts, fmt.Sprintf("and %d more", len(inside)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", p.Node, p.Doing))
	}
	return "inside: " + strings.Join(texts, ", ")
}

// Queue is who is in a limit or waits to be, first come first.
func (v *View) Queue(limit string) []Place {
	var out []Place
	for n, x := range v.nodes {
		if c := x.limits[limit]; c != nil {
			if r, err := c.record(); err == nil {
				p := Place{Node: n, Fence: c.entry.Created, Run: r.(*record.Limit).Run, Doing: "no run there"}
				if run := x.run(); run != nil && !run.Ended {
					p.Doing = Doing(run)
				}
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b Place) int { return cmp.Compare(a.Fence, b.Fence) })
	return out
}

// Doing is one line for people: what a run is at, and in which waits.
func Doing(run *record.Run) string {
	var waits []string
	for _, w := range run.Waits {
		if w.Active {
			waits = append(waits, "in wait."+w.Name+" for "+w.Fact)
		}
	}
	if run.Doing != "" {
		waits = append([]string{run.Doing}, waits...)
	}
	if len(waits) == 0 {
		return "running"
	}
	return strings.Join(waits, ", ")
}
