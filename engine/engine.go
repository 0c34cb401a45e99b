// Package engine plans and converges: it walks a catalog's graph and for each resource evaluates the guards, checks, applies, checks
// again and refreshes.
//
// Plan and Converge are one walk. A converge walks first as a plan does, which gives the prediction that its fidelity is measured by; where that finds
// nothing to do, it has ended. Otherwise a second walk visits what is to change and all that comes after it.
//
// To read it, begin with [Converge], which is a whole run. The type walk is the visitor of the graph; what is done with one resource is in internal/visit.
package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/engine/internal/attempt"
	"github.com/nodeapply/apply/engine/internal/debts"
	"github.com/nodeapply/apply/engine/internal/events"
	"github.com/nodeapply/apply/engine/internal/late"
	"github.com/nodeapply/apply/engine/internal/redact"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/engine/internal/visit"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/descriptors"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

const (
	attemptFor = 5 * time.Minute  // one attempt, where neither resource nor type says
	predictFor = 10 * time.Second // bounds the first walk of a converge
)

// Options say how to run. The zero value runs everything, one resource at a time, and keeps nothing.
type Options struct {
	Run string // identifier, see [report.NewRunID]; default a new one
	// Node, Manifest, Commit and Dirty are for the report alone.
	Node     string
	Manifest string
	Commit   string
	Dirty    bool

	selection.Choice     // of resources; default all
	Parallel         int // resources at a time; 1: one after another, as declared. Default: one works, while others wait for the disk
	// Order, if set, lists all vertices of the catalog's graph: the resources are converged one at a time in this order, as far as the relations allow.
	Order    []int
	FailFast bool // after a failure start nothing new
	Strict   bool // "not idempotent" is a failure

	// Approve, if set, is asked in a converge about each result of its prediction, before anything is changed. The resource of one that it refuses fails.
	Approve func(predicted *report.Result) error
	// Drifted, if set, says whether an earlier run left a resource as it is declared now: then what differs has come about since. It may be
	// called by several goroutines.
	Drifted func(a resources.Address) bool
	// Secret, if set, says whether an earlier run gave an attribute of a resource a sensitive value, which is what it may have still. It may be
	// called by several goroutines.
	Secret func(e *catalog.Entry, attr string) bool
	// Owed, if set, lists the resources that changed in earlier runs and whose notify of target was not delivered; default: what the Recorder knows.
	Owed func(target resources.Address) []resources.Address
	// Stop, if set, is closed to let what runs finish and start nothing new: the rest is skipped. Cancelling the context ends what runs, which fails with
	// the cause. The report does not tell these from other ends: its Interrupted is the caller's to set, at the latest when Events are told the end.
	Stop <-chan struct{}
	// Recorder, if set, is told before each change.
	Recorder Recorder
	// Events, if set, is told what happens while it does: the printers of package report's folders are such.
	Events report.Events
	// Outputs, if set, gives the outputs of the manifest when the walk has ended. Late looks up the values that only a run gives; it is nil in a plan
	// of a run that would do something.
	Outputs func(ctx context.Context, late catalog.Values) []report.Output
	// Log, if set, gets what resources have to tell while they are worked on, such as the output of commands: at level Info where the manifest asks
	// for it, else at Debug. Scrub and ScrubOutput are done already.
	Log *slog.Logger
	// Scrub, if set, takes sensitive values out of a text.
	Scrub func(string) string
	// ScrubOutput is the same for the output of commands, which may be cut and wrapped; default: Scrub.
	ScrubOutput func(string) string
}

// Recorder keeps what must outlive a run that dies: [journal.Run] is one. Its methods may be called by several goroutines.
type Recorder interface {
	// Owed lists the resources that changed in earlier runs and whose notify of target was not delivered.
	Owed(target resources.Address) []resources.Address
	// Begin is told that a is about to be changed by d, or refreshed: d is then empty, unless nothing takes the refresh back; that the resources in owes
	// are owed a refresh from then on; and what a's type needs to restore what was before. What it records is durable when the next Op returns. An error stops the change.
	Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error
	// Op is told of each change that a makes, with the node as it was. What it records is durable when it returns. An error stops the change.
	Op(ctx context.Context, a resources.Address, v host.View, op host.Op) error
	// Divided is told what target has become, which only the run repeats: what was owed to it is owed to each of these from then on.
	Divided(ctx context.Context, target resources.Address, into []resources.Address) error
	// Settled strikes out what was owed to target: its refresh was delivered.
	Settled(ctx context.Context, target resources.Address) error
	// Ended is told that a has ended, with the node as it is left. Where a was not brought to its end, spared are whom it was about to notify: if nothing has
	// changed of all that it announced, it owes them nothing.
	Ended(ctx context.Context, a resources.Address, v host.View, spared ...resources.Address) error
}

var _ Recorder = (*journal.Run)(nil)

// TimeoutError says that an attempt did not end in time: After is how long it had, and it has Timeout as errors of package net do.
type TimeoutError = attempt.TimeoutError

// Plan says what Converge would do. It is given a View: it cannot change the node. The error is about the options; what is wrong with
// a resource is in its result.
func Plan(ctx context.Context, v host.View, c *catalog.Catalog, o Options) (*report.Report, error) {
	r, err := newRun(c, v, nil, o)
	if err != nil {
		return nil, err
	}
	defer r.hands.Rest()
	r.begin(report.Plan)
	return r.finish(ctx, r.predict(ctx)), nil
}

// Converge brings the node to what c declares. The error is about the options; what is wrong with a resource is in its result.
func Converge(ctx context.Context, h host.Host, c *catalog.Catalog, o Options) (*report.Report, error) {
	r, err := newRun(c, h, h, o)
	if err != nil {
		return nil, err
	}
	defer r.hands.Rest()
	r.begin(report.Converge)
	// A check that hangs delays the others by no more than this, and is left unpredicted.
	soon, cancel := context.WithTimeoutCause(ctx, predictFor, visit.ErrUnpredicted)
	predicted := r.predict(soon).prediction()
	cancel()
	if r.opts.Recorder != nil {
		if err := r.debts.Divide(ctx, c.Entries(), r.opts.Recorder.Divided); err != nil {
			return nil, err
		}
	}
	w := r.newWalk(predicted)
	var room sync.WaitGroup
	defer room.Wait()
	if n := min(predicted.Left(), flying()); n > few {
		room.Go(func() { descriptors.MakeRoom(2 * n) })
	}
	if o.Order != nil {
		c.Graph().WalkInOrder(ctx, o.Order, w)
	} else {
		c.Graph().Walk(ctx, r.parallel(), flying(), w)
	}
	if err := r.stop.Fatal(); err != nil && !r.stop.Begun() {
		return nil, err
	}
	return r.finish(ctx, w), nil
}

// run is what the walks of one Plan or Converge share.
type run struct {
	cat      *catalog.Catalog
	view     host.View
	host     host.Host // nil in a plan
	opts     Options
	debts    debts.Debts
	selected *selection.Selection
	redact   redact.Redactor
	late     late.Values
	report   *report.Report
	started  time.Time
	stop     stop.Stopper
	hands    attempt.Hands
	events   events.Serial
}

func newRun(c *catalog.Catalog, v host.View, h host.Host, o Options) (*run, error) {
	if o.Run == "" {
		o.Run = report.NewRunID(time.Now())
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Order != nil && !slices.Equal(slices.Sorted(slices.Values(o.Order)), slices.Sorted(slices.Values(c.Graph().Order()))) {
		return nil, fmt.Errorf("order: want each of the %d vertices once", c.Graph().Len())
	}
	r := &run{cat: c, view: v, host: h, opts: o, debts: o.Owed, started: time.Now(), hands: attempt.NewHands(helpers())}
	if o.Owed == nil && o.Recorder != nil {
		r.debts = o.Recorder.Owed
	}
	r.redact, r.events.To = redact.New(o.Scrub, o.ScrubOutput, o.Secret), o.Events
	r.opts.Log = slog.New(r.redact.Handler(o.Log.Handler()))
	r.stop.Interrupt = o.Stop
	var err error
	r.selected, err = selection.Of(c, o.Choice)
	return r, err
}

func (r *run) parallel() int { return max(r.opts.Parallel, 1) }

// few is how many visits are too few for [descriptors.MakeRoom].
const few = 100

// flying is how many visits may be under way at once. What a group commit gains levels off long before a thousand; each may hold a handful of files
// open, of which a process may have few.
func flying() int { return min(1024, descriptors.Limit()/8) }

// helpers is how many goroutines beyond those of visits may be under way at once: files of a folder, above all, that wait for the disk together. With twice
// as many a run is hardly faster, and thrashes where it has 64 MiB.
func helpers() int { return min(512, descriptors.Limit()/16) }

// unselected says that v is an entry that the run leaves out.
func (r *run) unselected(v int) bool {
	return v < len(r.cat.Entries()) && !r.selected.Has(v)
}
