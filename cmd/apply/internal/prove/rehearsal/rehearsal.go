// Package rehearsal converges a manifest in a sandbox, in an order and until a death of the caller's choice, and says what that leaves. Both ends are here: this program
// outside, which starts itself in a box, and the one inside.
package rehearsal

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/sandbox"
	"github.com/nodeapply/apply/sandbox/model"
	"github.com/nodeapply/apply/sandbox/trace"
	"github.com/nodeapply/apply/source"
)

// private is where a rehearsal keeps what is its own in a box.
const private = "/run/apply-rehearsal"

// Part is what a rehearsal is to do.
type Part struct {
	Order []int // of the vertices of the catalog's graph
	DieAt int   // the step of the journal before which it ends as if killed; 0: none
	Watch bool  // tell what each resource touches
	Seed  model.Seed
}

// said is one thing that a rehearsal tells while it is under way.
type said struct {
	Result   *report.Result `json:",omitempty"` // of a resource that has ended
	Touched  *trace.Set     `json:",omitempty"` // what the resource of the result before has read and written
	Unheard  string         `json:",omitempty"` // why that is not told, or not whole
	Modelled []string       `json:",omitempty"` // what the resource of the result has changed in the model alone
	Settled  string         `json:",omitempty"` // address of a resource whose refresh was delivered
	Ended    *ended         `json:",omitempty"` // all has ended
}

// ended is how a rehearsal ended.
type ended struct {
	Steps int
	Model map[string]string // what became of units and mounts
}

// killed is the exit code of a rehearsal that ends as if killed.
const killed = 137

// rehearse converges in a box, one resource after the other, and tells how.
func rehearse(ctx context.Context, l *load.Loader, cell *sandbox.Cell, src source.Source) error {
	var p Part
	if err := cell.Payload(&p); err != nil {
		return err
	}
	if err := os.MkdirAll(private, 0o700); err != nil {
		return err
	}
	l.Exchange = load.Exchange{Groups: l.Exchange.Groups} // no other node can be reached
	var node *model.Node
	l.Stage = func(h *local.Node) (_ host.Host, err error) {
		node, err = model.New(h, filepath.Join(private, "model.json"), p.Seed)
		return stage{node}, err
	}
	m, err := l.Load(ctx, src)
	if err != nil {
		return err
	}
	for _, e := range m.Catalog().Entries() {
		_, waits := e.Resource.(resources.Waiter)
		// Init scripts would really start daemons, and these end with the run: the next one would start them again.
		if waits || p.Seed.NoSystemd && len(units(e.Resource)) > 0 {
			e.Noop = true
		}
	}
	state, err := l.OpenState()
	if err != nil {
		return err
	}
	if err := state.Lock(ctx, 0); err != nil {
		return err
	}
	id, err := state.NextID(time.Now())
	if err != nil {
		return err
	}
	run, _, err := state.Begin(id, m.Host.Token(), "", journal.Manifest{Source: m.Origin.Source}, time.Now())
	if err != nil {
		return err
	}
	run.Sweep(ctx, m.Host)
	steps := &mortal{Recorder: run, dieAt: p.DieAt, tell: cell.Tell}
	tell := &teller{mortal: steps, node: node}
	if p.Watch {
		if tell.watch, err = cell.Watch(); err != nil {
			steps.must(said{Unheard: err.Error()})
		}
	}
	_, err = m.Converge(ctx, engine.Options{Run: id, Order: p.Order, Recorder: steps, Events: tell})
	if err != nil {
		return err
	}
	if err := run.Close(); err != nil {
		return err
	}
	if err := state.Close(); err != nil {
		return err
	}
	return cell.Tell(said{Ended: &ended{Steps: steps.n, Model: node.State()}})
}

// stage is a node on which nobody waits to see that a service stays up: nothing runs that could end.
type stage struct{ *model.Node }

// Unit is part of host.View.
func (s stage) Unit(ctx context.Context, name string) (host.Unit, error) {
	u, err := s.Node.Unit(ctx, name)
	u.Modelled = true
	return u, err
}

// Run is part of host.Host. Where there is no network apt's further tries fail as well, after pauses that would be most of a proof's time.
func (s stage) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	if i := slices.IndexFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "Acquire::Retries=") }); i > 0 && c.Args[0] == "apt-get" {
		c.Args = slices.Clone(c.Args)
		c.Args[i] = "Acquire::Retries=0"
	}
	return s.Node.Run(ctx, c)
}

// teller tells of results, and of what their resources have touched: one comes after the other.
type teller struct {
	*mortal
	node  *model.Node
	watch *sandbox.Watch // nil: nobody looks
}

// Begin is part of report.Events.
func (t *teller) Begin(*report.Report) {}

// Running is part of report.Events. What was touched before, by the prediction, is nobody's.
func (t *teller) Running(_ resources.Address, what string) {
	if t.watch != nil && what != "" {
		t.watch.Skip()
	}
}

// Ended is part of report.Events.
func (t *teller) Ended(res *report.Result) {
	s := said{Result: res, Modelled: t.node.Used()}
	t.node.Forget()
	if t.watch != nil && (res.Outcome == report.Changed || res.Outcome == report.Refreshed || res.Outcome == report.Failed) {
		set, err := t.watch.Take()
		if s.Touched = &set; err != nil {
			s.Unheard = err.Error()
		}
	}
	t.must(s)
}

// End is part of report.Events.
func (t *teller) End(*report.Report) {}
