package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/fact"
	"github.com/nodeapply/apply/resources/wait"
)

// alone is the session of a node without an exchange: a file in the default state folder.
func alone() (*session.Session, error) {
	dir, err := journal.DefaultDir(os.Getenv)
	if err != nil {
		return nil, err
	}
	return session.New(session.Options{StateDir: dir}), nil
}

// together converges as a part of the exchange: the others learn what this run will export and waits for, at what it is, and how it ended.
func (m *Manifest) together(ctx context.Context, o engine.Options) (*report.Report, error) {
	selected, err := selection.Of(m.compiled.Catalog, o.Choice)
	if err != nil {
		return nil, err
	}
	plan, takesPart := exchangePlan(m.compiled.Catalog, selected)
	if !takesPart && !m.session.Shared() {
		return engine.Converge(ctx, m.host, m.compiled.Catalog, o)
	}
	m.session.Begin(ctx, o.Run, o.Commit, plan, func(ctx context.Context) bool { return goingDown(ctx, m.host) })
	end := func(rep *report.Report) {
		if err := m.session.End(ctx, !stopped(o.Stop), o.Scrub(firstFailure(rep))); err != nil {
			rep.Warnings = append(rep.Warnings, o.Scrub(err.Error()))
		}
	}
	if o.Events == nil {
		o.Events = quiet{}
	}
	o.Events = &doing{
		Events: o.Events, tell: m.session.Doing, notComing: m.session.NotComing, blockOver: m.session.BlockOver, end: end,
		exports: exports(m.compiled.Catalog), texts: map[resources.Address]string{},
	}
	rep, err := engine.Converge(ctx, m.host, m.compiled.Catalog, o)
	if err != nil {
		return rep, errors.Join(err, m.session.End(ctx, !stopped(o.Stop), o.Scrub(err.Error())))
	}
	end(rep) // unless the printers were told already: then it says nothing more
	return rep, nil
}

// stopped tells whether a run was interrupted.
func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// goingDownTimeout is for systemd to answer, which does little else while it shuts a node down.
const goingDownTimeout = 3 * time.Second

// goingDown tells whether the node is being shut down: then what fails or is interrupted says nothing about the manifest.
func goingDown(ctx context.Context, v host.View) bool {
	ctx, cancel := context.WithTimeout(ctx, goingDownTimeout)
	defer cancel()
	out, err := v.Query(ctx, host.Cmd{Args: []string{"systemctl", "is-system-running"}})
	if err == nil && strings.TrimSpace(string(out.Stdout)) == "stopping" {
		return true
	}
	// In the end systemd gives its place to the program that kills what is left, which nobody can ask any more.
	first, err := host.ReadFile(v, "/proc/1/comm")
	return err == nil && strings.HasPrefix(first, "systemd-shutdow")
}

// quiet are events that nobody but the exchange looks at.
type quiet struct{}

func (quiet) Begin(*report.Report)              {}
func (quiet) Running(resources.Address, string) {}
func (quiet) Ended(*report.Result)              {}
func (quiet) End(*report.Report)                {}

// doing tells the exchange at what the run is: of all that goes on, what began first.
type doing struct {
	report.Events
	tell      func(string)
	notComing func(fact string)
	blockOver func(address, because string)
	exports   map[resources.Address]string
	end       func(*report.Report) // before the report is printed, as it may have something to warn of
	order     []resources.Address  // that go on
	texts     map[resources.Address]string
}

// doingShown bounds how much of it is told.
const doingShown = 3

func (d *doing) Running(a resources.Address, what string) {
	switch {
	case a.Type == "wait": // the exchange knows it already
	case what == "applying", what == "refreshing":
		d.is(a, what+" "+a.String())
	case strings.HasPrefix(what, "waiting for "):
		what, _, _ := strings.Cut(what, ",") // for whom is told of those
		d.is(a, a.String()+" "+what)
	}
	d.Events.Running(a, what)
}

func (d *doing) Ended(r *report.Result) {
	if _, on := d.texts[r.Address]; on {
		delete(d.texts, r.Address)
		d.order = slices.DeleteFunc(d.order, func(a resources.Address) bool { return a == r.Address })
		d.tellAll()
	}
	if f, ok := d.exports[r.Address]; ok {
		d.exported(f, r)
	}
	d.Events.Ended(r)
}

// exported says what became of an export ("": of a block), where nobody else does: of what was skipped because of another its resource tells, of a block what
// has come, and what an interrupted run leaves out ends with it.
func (d *doing) exported(fact string, r *report.Result) {
	switch {
	case fact != "" && (r.Outcome == report.Failed || r.Outcome == report.Unchanged):
		d.notComing(fact)
	case fact != "":
	case r.Outcome == report.Failed:
		d.blockOver(r.Address.String(), r.Address.String())
	case r.Outcome != report.Skipped || r.Because != "":
		d.blockOver(r.Address.String(), r.Because)
	}
}

func (d *doing) End(r *report.Report) {
	d.end(r)
	d.Events.End(r)
}

// is says at what a resource is.
func (d *doing) is(a resources.Address, text string) {
	if _, on := d.texts[a]; !on {
		d.order = append(d.order, a)
	}
	d.texts[a] = text
	d.tellAll()
}

func (d *doing) tellAll() {
	var all []string
	for i, a := range d.order {
		if i == doingShown {
			all = append(all, fmt.Sprintf("and %d more", len(d.order)-i))
			break
		}
		all = append(all, d.texts[a])
	}
	d.tell(strings.Join(all, ", "))
}

// firstFailure names the first resource that failed, and why.
func firstFailure(rep *report.Report) string {
	for _, r := range rep.Results {
		if r.Outcome == report.Failed && r.Error != nil {
			reason, _, _ := strings.Cut(r.Error.Summary, "\n")
			return r.Address.String() + ": " + strings.TrimPrefix(reason, r.Address.String()+": ")
		}
	}
	return ""
}

// exchangePlan lists what of a catalog is selected and is exported or waited for, each with the waits that come before it; ok is false
// where there is neither.
func exchangePlan(c *catalog.Catalog, selected *selection.Selection) (p exchange.Plan, ok bool) {
	entries, g := c.Entries(), c.Graph()
	takesPart := func(v int) bool {
		return v < len(entries) && !entries[v].Off && !entries[v].Noop && selected.Has(v)
	}
	names := waitNames(entries, takesPart)
	before := make([]map[string]bool, g.Len())
	for _, v := range g.Order() {
		behind := before[v]
		if takesPart(v) {
			e := entries[v]
			ok = ok || e.Addr.Type == "fact" || e.Addr.Type == "wait" || e.Addr.Type == "limit"
			switch f, is := exported(e); {
			case is && f == "":
				p.Blocks = append(p.Blocks, record.Block{Address: e.Addr.String(), Behind: keys(behind)})
			case is:
				p.Exports = append(p.Exports, record.Export{Fact: f, Behind: keys(behind)})
			}
			if w, is := e.Resource.(*wait.Wait); is {
				w.Name(names[v])
				if spec, err := w.Spec(); err == nil {
					spec.Behind = keys(behind)
					p.Waits = append(p.Waits, spec)
				}
			}
		}
		for _, e := range g.Succ(v) {
			before[e.To] = with(before[e.To], behind, names[v])
		}
		before[v] = nil
	}
	return p, ok
}

// waitNames are the names of waits by vertex: addresses without the type, which is said anyway.
func waitNames(entries []*catalog.Entry, takesPart func(v int) bool) map[int]string {
	names := map[int]string{}
	for v, e := range entries {
		if e.Addr.Type == "wait" && takesPart(v) {
			names[v] = strings.Replace(e.Addr.String(), "wait.", "", 1)
		}
	}
	return names
}

// exported is the fact that an entry exports, "" where only the run tells which.
func exported(e *catalog.Entry) (name string, ok bool) {
	r := e.Resource
	if e.Deferred != nil {
		if e.Deferred.Unnamed {
			return "", e.Addr.Type == "fact"
		}
		r = e.Deferred.Blank
	}
	f, ok := r.(*fact.Fact)
	if !ok {
		return "", false
	}
	return f.Name, f.Ensure == "present"
}

// exports are the facts that entries export, "" of what are blocks to the others.
func exports(c *catalog.Catalog) map[resources.Address]string {
	out := map[resources.Address]string{}
	for _, e := range c.Entries() {
		if f, is := exported(e); is {
			out[e.Addr] = f
		}
	}
	return out
}

// with adds to a set of waits, which is made anew only where something is added.
func with(set, more map[string]bool, one string) map[string]bool {
	if one == "" && set == nil {
		return more // shared, never written
	}
	missing := one != "" && !set[one]
	for k := range more {
		missing = missing || !set[k]
	}
	if !missing {
		return set
	}
	out := make(map[string]bool, len(set)+len(more)+1)
	maps.Copy(out, set)
	maps.Copy(out, more)
	if one != "" {
		out[one] = true
	}
	return out
}

func keys(set map[string]bool) []string {
	return slices.Sorted(maps.Keys(set))
}

// Together is what a run of the manifest will do as far as other nodes are concerned: what it exports and waits for, and the limits that it enters.
func (m *Manifest) Together() (p exchange.Plan, limits []string) {
	c := m.compiled.Catalog
	p, _ = exchangePlan(c, nil)
	for v := range c.Entries() {
		for _, s := range c.Sections(v) {
			limits = append(limits, s.Name)
		}
	}
	slices.Sort(limits)
	return p, slices.Compact(limits)
}
