package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/source"
)

func (a *app) whyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why [flags] ADDRESS [PATH]",
		Short: "Say why a resource changed, or would change now",
		Long: `Say why a resource changed in the last run that did not leave it unchanged, and whether it would change now: which attribute, of which facts,
variables and other resources its value is made, on which line, and who notified whom. PATH is the manifest (default: that of the last run with
this resource).`,
		Example: "  apply why service.glusterd\n  apply why 'file[\"/etc/hosts\"]' main.hcl",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			addr, err := resources.ParseAddress(args[0])
			if err != nil {
				return usageError(cmd, fmt.Errorf("%s: %w", args[0], err))
			}
			return a.why(cmd, addr, args[1:])
		},
	}
	a.flags.compile(cmd.Flags())
	return cmd
}

// reason is why one resource ended as it did in a run, or would in a plan.
type reason struct {
	Address    resources.Address `json:"address"`
	Pos        string            `json:"pos,omitempty"` // FILE:LINE of the block
	Outcome    report.Outcome    `json:"outcome"`
	Drift      bool              `json:"drift,omitempty"`
	Changes    []cause           `json:"changes,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Error      *report.Error     `json:"error,omitempty"`
	Because    *reason           `json:"because,omitempty"`
	NotifiedBy []*reason         `json:"notified_by,omitempty"`
	Relation   string            `json:"relation,omitempty"` // of a notifier: FILE:LINE of the reference
}

// cause is an attribute that differed, and what its value is made of.
type cause struct {
	report.Change
	Pos     string `json:"pos,omitempty"` // FILE:LINE of the attribute
	Origins []part `json:"origins,omitempty"`
}

// part is one thing that a value is made of.
type part struct {
	Reference string `json:"reference"`     // fact.hostname, var.device, exec.x.stdout
	Pos       string `json:"pos,omitempty"` // of a resource: FILE:LINE of its block
}

// whyEvent is what is said of an address: what happened (mode converge), or would happen now (plan).
type whyEvent struct {
	Event   string      `json:"event"`
	Mode    report.Mode `json:"mode"`
	Run     string      `json:"run"`
	Started time.Time   `json:"started"`
	*reason
}

func (a *app) why(cmd *cobra.Command, addr resources.Address, path []string) error {
	ctx, signals := a.catch(cmd.Context())
	defer signals.end()
	last, changed := a.reportsOf(addr)
	m, err := a.manifestOf(ctx, cmd, path, last)
	if err != nil {
		return err
	}
	var cat *catalog.Catalog
	var plan *report.Report
	if m != nil {
		cat = m.Catalog()
		if len(cat.Find(addr)) > 0 {
			mem, err := remember(a.knownState(), m)
			if err != nil {
				return err
			}
			plan, err = m.Plan(ctx, engine.Options{Targets: []resources.Address{addr}, Parallel: runtime.NumCPU(), Stop: signals.stop, Drifted: mem.drifted})
			if err != nil {
				return err
			}
		}
	}
	var events []whyEvent
	for _, r := range []*report.Report{changed, plan} {
		if r == nil {
			continue
		}
		for _, one := range newExplainer(r, cat).all(addr) {
			events = append(events, whyEvent{"why", r.Mode, r.Run, r.Started, one})
		}
	}
	if len(events) == 0 {
		return unheardOf(addr, last, cat)
	}
	return a.printWhy(events)
}

// covers says whether an address stands for another: itself, or the resource whose instance that is.
func covers(a, b resources.Address) bool {
	if a.Instance == "" {
		b.Instance = ""
	}
	return a == b
}

// reportsOf finds the last run with a resource, and the last one that did not leave it unchanged.
func (a *app) reportsOf(addr resources.Address) (last, changed *report.Report) {
	state := a.knownState()
	if state == nil {
		return nil, nil
	}
	ids, err := state.Reports()
	if err != nil {
		return nil, nil
	}
	for _, id := range ids {
		var r report.Report
		if err := state.Report(id, &r); err != nil || r.Source == "" {
			continue
		}
		for _, res := range r.Results {
			if !covers(addr, res.Address) {
				continue
			}
			if last == nil {
				last = &r
			}
			if res.Outcome != report.Unchanged {
				return last, &r
			}
		}
	}
	return last, nil
}

// manifestOf compiles the manifest that is given, else that of a report as it is now; nil if there is neither.
func (a *app) manifestOf(ctx context.Context, cmd *cobra.Command, path []string, last *report.Report) (*loaded, error) {
	if len(path) > 0 || a.flags.git != "" {
		src, err := a.source(cmd, path)
		if err != nil {
			return nil, err
		}
		return a.load(ctx, src)
	}
	if last == nil {
		return nil, nil
	}
	src, err := source.Parse(last.Source)
	if err != nil {
		return nil, err
	}
	if src.Git() {
		src.Ref = last.Ref
		return a.load(ctx, src)
	}
	l := a.loading()
	if err := l.local(ctx, src.Path); err != nil {
		return nil, err
	}
	l.name, l.shown = last.Manifest, last.Manifest
	return l, a.compile(ctx, l)
}

func unheardOf(addr resources.Address, last *report.Report, cat *catalog.Catalog) error {
	if last != nil {
		return fmt.Errorf("%s has not changed in any run on record, and its manifest no longer declares it", addr)
	}
	if cat == nil {
		return fmt.Errorf("%s: no run with it is on record; give the PATH of its manifest", addr)
	}
	var names []string
	for _, e := range cat.Entries() {
		names = append(names, e.Addr.String())
	}
	if near := resources.Nearest(addr.String(), names); near != "" {
		return fmt.Errorf("%s is not declared; did you mean %s?", addr, near)
	}
	return fmt.Errorf("%s is not declared", addr)
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
func (x *explainer) all(addr resources.Address) []*reason {
	var out []*reason
	for _, res := range x.results {
		if covers(addr, res.Address) {
			out = append(out, x.explain(res, nil))
		}
	}
	return out
}

// explain follows the chain of notifies and failures up; around are the addresses on the way.
func (x *explainer) explain(res *report.Result, around []resources.Address) *reason {
	out := &reason{Address: res.Address, Pos: res.Pos, Outcome: res.Outcome, Drift: res.Drift, Reason: res.Reason, Error: res.Error}
	e := x.entry(res.Address)
	for _, c := range res.Changes {
		out.Changes = append(out.Changes, x.cause(e, c))
	}
	around = append(slices.Clone(around), res.Address)
	up := func(text string) *reason {
		addr, err := resources.ParseAddress(text)
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

func (x *explainer) cause(e *catalog.Entry, c report.Change) cause {
	out := cause{Change: c}
	if e == nil {
		return out
	}
	out.Pos = e.AttrPos(c.Attribute).String()
	for _, ref := range e.Origins(c.Attribute) {
		p := part{Reference: ref}
		if i := strings.LastIndexByte(ref, '.'); i > 0 {
			if addr, err := resources.ParseAddress(ref[:i]); err == nil && addr.Type != "" {
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
		return slices.ContainsFunc(x.cat.Find(a), func(v int) bool { return entries[v].Addr == b })
	}
	for i := range x.cat.Relations() {
		if r := &x.cat.Relations()[i]; r.Kind == catalog.Notify && stands(r.From, from) && stands(r.To, to) {
			return r.Pos.String()
		}
	}
	return ""
}
