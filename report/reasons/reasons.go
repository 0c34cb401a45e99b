// Package reasons says why a resource changed, or would change: which attribute, of what its value is made, on which line, and the chain of notifies
// or failures that led there.
package reasons

import (
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
)

// Reason is why one resource ended as it did in a run, or would in a plan.
type Reason struct {
	Address    resources.Address `json:"address"`
	Pos        string            `json:"pos,omitempty"` // FILE:LINE of the block
	Outcome    report.Outcome    `json:"outcome"`
	Drift      bool              `json:"drift,omitempty"`
	Changes    []Cause           `json:"changes,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Error      *report.Error     `json:"error,omitempty"`
	Because    *Reason           `json:"because,omitempty"`
	NotifiedBy []*Reason         `json:"notified_by,omitempty"`
	Relation   string            `json:"relation,omitempty"` // of a notifier: FILE:LINE of the reference
}

// Cause is an attribute that differed, and what its value is made of.
type Cause struct {
	report.Change
	Pos     string `json:"pos,omitempty"` // FILE:LINE of the attribute
	Origins []Part `json:"origins,omitempty"`
}

// Part is one thing that a value is made of.
type Part struct {
	Reference string `json:"reference"`     // fact.hostname, var.device, exec.x.stdout
	Pos       string `json:"pos,omitempty"` // of a resource: FILE:LINE of its block
}

// Event is what is said of an address: what happened (mode converge), or would happen now (plan).
type Event struct {
	Event   string      `json:"event"`
	Mode    report.Mode `json:"mode"`
	Run     string      `json:"run"`
	Started time.Time   `json:"started"`
	*Reason
}

// Covers says whether an address stands for another: itself, the resource whose instance that is, or the module that it is in.
func Covers(a, b resources.Address) bool {
	if a.Type == "" {
		return slices.ContainsFunc(address.Steps(b.Module), func(s address.Step) bool {
			return a.Module == s.Path || a.Module == strings.TrimSuffix(s.Path, s.Key)
		})
	}
	if a.Instance == "" {
		b.Instance = ""
	}
	return a == b
}

// Find says why a resource, or each instance of it, ended as it did in a report; cat, if not nil, gives lines and origins.
func Find(addr resources.Address, r *report.Report, cat *catalog.Catalog) []Event {
	var out []Event
	for _, one := range newExplainer(r, cat).all(addr) {
		out = append(out, Event{"why", r.Mode, r.Run, r.Started, one})
	}
	return out
}

// explainer finds the reasons in a report, with lines and origins from the catalog where there is one.
type explainer struct {
	byAddr  map[resources.Address]*report.Result
	results []*report.Result
	cat     *catalog.Catalog
}

func newExplainer(r *report.Report, cat *catalog.Catalog) *explainer {
	x := &explainer{byAddr: make(map[resources.Address]*report.Result, len(r.Results)), results: r.Results, cat: cat}
	for _, res := range r.Results {
		x.byAddr[res.Address] = res
	}
	return x
}

// all explains every instance of an address.
func (x *explainer) all(addr resources.Address) []*Reason {
	var out []*Reason
	for _, res := range x.results {
		late := res.Certainty == report.KnownLate && Covers(res.Address, addr) // the block speaks for all that only the run makes of it
		if late || Covers(addr, res.Address) {
			out = append(out, x.explain(res, nil))
		}
	}
	return out
}

// explain follows the chain of notifies and failures up; around are the addresses on the way.
func (x *explainer) explain(res *report.Result, around []resources.Address) *Reason {
	out := &Reason{Address: res.Address, Pos: res.Pos, Outcome: res.Outcome, Drift: res.Drift, Reason: res.Reason, Error: res.Error}
	e := x.entry(res.Address)
	for _, c := range res.Changes {
		out.Changes = append(out.Changes, x.cause(e, c))
	}
	around = append(slices.Clone(around), res.Address)
	up := func(text string) *Reason {
		addr, err := address.Parse(text)
		if err != nil || slices.Contains(around, addr) || x.byAddr[addr] == nil {
			return nil
		}
		return x.explain(x.byAddr[addr], around)
	}
	for _, n := range res.NotifiedBy {
		if by := up(n); by != nil {
			by.Relation = x.relation(by.Address, res.Address)
			out.NotifiedBy = append(out.NotifiedBy, by)
		}
	}
	if res.Because != "" {
		out.Because = up(res.Because)
	}
	return out
}

func (x *explainer) entry(addr resources.Address) *catalog.Entry {
	if x.cat == nil {
		return nil
	}
	if vs := x.cat.Find(addr); len(vs) > 0 {
		return x.cat.Entries()[vs[0]]
	}
	return nil
}

func (x *explainer) cause(e *catalog.Entry, c report.Change) Cause {
	out := Cause{Change: c}
	if e == nil {
		return out
	}
	out.Pos = e.AttrPos(c.Attribute).String()
	for _, ref := range e.Origins(c.Attribute) {
		p := Part{Reference: ref}
		if i := strings.LastIndexByte(ref, '.'); i > 0 {
			if addr, err := address.Parse(ref[:i]); err == nil && addr.Type != "" {
				if from := x.entry(addr); from != nil {
					p.Pos = from.Pos.String()
				}
			}
		}
		out.Origins = append(out.Origins, p)
	}
	return out
}

// relation is where it is written that one resource notifies another.
func (x *explainer) relation(from, to resources.Address) string {
	if x.cat == nil {
		return ""
	}
	entries := x.cat.Entries()
	stands := func(a, b resources.Address) bool {
		return a == b || slices.ContainsFunc(x.cat.Find(a), func(v int) bool {
			return entries[v].Addr == b || a.Instance == "" && Covers(entries[v].Addr, b) // one of the instances that it became in the run
		})
	}
	for i := range x.cat.Relations() {
		if r := &x.cat.Relations()[i]; r.Kind == catalog.Notify && stands(r.From, from) && stands(r.To, to) {
			return r.Pos.String()
		}
	}
	return ""
}
