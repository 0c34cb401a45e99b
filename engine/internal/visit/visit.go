// Package visit does all that is to be done with one resource: it asks whether the resource is wanted, checks, applies, checks again and refreshes. When
// that is done, and what it means for others, is the walk's. To read it, begin with [Visit.Settle].
package visit

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/ahead"
	"github.com/nodeapply/apply/engine/internal/attempt"
	"github.com/nodeapply/apply/engine/internal/batch"
	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/engine/internal/lock"
	"github.com/nodeapply/apply/engine/internal/places"
	"github.com/nodeapply/apply/engine/internal/record"
	"github.com/nodeapply/apply/engine/internal/redact"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// ErrUnpredicted is the cause of a context that bounds a prediction.
var ErrUnpredicted = errors.New("not predicted in time")

// Walk is what the visits of one walk share. A walk without a Host predicts.
type Walk struct {
	Catalog  *catalog.Catalog
	View     host.View
	Host     host.Host
	Recorder record.Recorder                // nil: nobody
	Drifted  func(a resources.Address) bool // nil: nothing has
	Running  func(a resources.Address, what string)
	Redact   redact.Redactor
	Log      *slog.Logger
	Timeout  time.Duration // of one attempt, where the entry has none
	Strict   bool          // "not idempotent" is a failure
	Stop     *stop.Stopper
	Hands    attempt.Hands
	Ahead    *ahead.Attempts[Finding]
	Under    func(ctx context.Context, v int, path string) *catalog.Entry // what an earlier entry has made of a path in this run; nil: nothing is looked for

	locks  lock.Locks
	turns  lock.Turns
	groups batch.Batches[*catalog.Entry, part]
	places places.Places
}

// Visit is the visit of one resource.
type Visit struct {
	*Walk
	Vertex    int
	Entry     *catalog.Entry
	Slot      graph.Slot
	Notifiers []resources.Address // what changed and notifies this one, in this run or, undelivered, in earlier ones
	After     bool                // in a prediction: something before this one would change, which may bring what is missing now
	Foreseen  *Finding            // by the prediction, which holds once if the run has changed nothing by then; nil: nothing

	Result  *report.Result // names the resource; Settle fills in the rest
	Diff    resources.Diff // what differs
	Changed bool           // or refreshed, or would be
	Stuck   bool           // an abandoned attempt still uses the resource

	inside   places.Inside
	covering []report.Change // of what was covered
}

// Settle does all that is to be done with the resource.
func (t *Visit) Settle(ctx context.Context) {
	t.running("checking")
	found, err := t.examine(ctx)
	t.Diff = found.Diff
	t.Result.Warnings = t.Redact.Texts(t.Diff.Notes)
	t.Result.Outcome = report.Unchanged
	switch {
	case err != nil && t.predicting() && !t.Stuck && (t.After || errors.Is(err, ErrUnpredicted)):
		t.Result.Outcome, t.Changed = report.Pending, true
		t.Result.Reversible = LeavesTrace(t.Entry.Resource) && t.reversible()
		why := err.Error()
		if missing, ok := errors.AsType[*resources.MissingError](err); ok {
			why = missing.What
		}
		t.Result.Reason = t.Redact.Text(why)
		t.Result.Changes = t.Redact.Changes(t.Entry, t.Diff.Changes)
	case err != nil:
		t.fail(err)
	case !found.Wanted:
		t.Result.Reason = found.Why
		t.settled(ctx)
	case t.predicting() || t.Entry.Noop:
		t.plan(ctx)
	default:
		t.converge(ctx)
	}
	t.Result.Drift = t.drifted()
	t.ended(ctx)
}

// record is what the recorder is told of the resource.
func (t *Visit) record() record.Record {
	return record.Record{To: t.Recorder, Catalog: t.Catalog, Vertex: t.Vertex, Entry: t.Entry, View: t.View, Stop: t.Stop}
}

func (t *Visit) predicting() bool { return t.Host == nil }

func (t *Visit) running(what string) { t.Running(t.Entry.Addr, what) }

// Finding is what an examination found.
type Finding struct {
	Wanted bool
	Why    string // not
	Diff   resources.Diff
}

// Look is the examination of an entry that has no guards and is wanted by itself.
func Look(ctx context.Context, v host.View, e *catalog.Entry) (Finding, error) {
	d, err := e.Resource.Check(ctx, v)
	return Finding{Wanted: true, Diff: d}, err
}

// examine asks whether the resource is wanted and what differs.
func (t *Visit) examine(ctx context.Context) (Finding, error) {
	if made, ok := t.Ahead.Made(t.Vertex); ok {
		return made.Value, made.Err
	}
	foreseen := t.Foreseen
	t.Foreseen = nil
	if foreseen != nil && !t.Stop.Begun() {
		return *foreseen, nil
	}
	return attempted(ctx, t, func(ctx context.Context) (Finding, error) {
		return t.Ahead.Get(ctx, t.Vertex, func(ctx context.Context) (Finding, error) {
			if ok, why, err := guard.Wanted(ctx, t.View, t.Entry, len(t.Notifiers) > 0); err != nil || !ok {
				return Finding{Why: why}, err
			}
			return Look(ctx, t.View, t.Entry)
		})
	})
}

// plan says what a run would do now.
func (t *Visit) plan(ctx context.Context) {
	t.Result.Changes = t.Redact.Changes(t.Entry, t.Diff.Changes)
	t.Changed = !t.Diff.Empty()
	t.Result.Reversible = t.reversible()
	if r, ok := t.Entry.Resource.(resources.Refresher); ok && len(t.Notifiers) > 0 {
		yes, why, err := t.refreshable(ctx, r)
		t.Result.Refreshed, t.Result.Reason = yes && err == nil, ""
		if why != "" {
			t.Result.Reason = notRefreshed + why
		}
		t.Changed = t.Changed || t.Result.Refreshed
		t.Result.Reversible = t.Result.Reversible && (!t.Result.Refreshed || LeavesTrace(t.Entry.Resource))
	}
	if t.Changed {
		t.Result.Outcome = report.Pending
	}
	if t.Result.Reason == "" && guard.Repeats(t.Entry) {
		t.Result.Reason = "runs every time: nothing says when it is no longer needed (creates, unless, onlyif, refreshonly)"
	}
	if t.Entry.Noop {
		// Nothing will happen, so nobody is notified.
		t.Changed = false
	}
}

// settled strikes out what was owed to the resource.
func (t *Visit) settled(ctx context.Context) error {
	if t.predicting() || len(t.Notifiers) == 0 {
		return nil
	}
	return t.record().Settled(ctx)
}

// ended tells the recorder how the resource is left, and that it failed if all that it did is on record then: an attempt that was left behind may still change
// something, and what a transaction does is recorded of the one that made it for the others.
func (t *Visit) ended(ctx context.Context) {
	if t.predicting() || t.Result.Outcome == report.Unchanged {
		return
	}
	_, grouped := t.Entry.Resource.(resources.Grouper)
	failed := t.Result.Outcome == report.Failed || t.Result.Outcome == report.Skipped
	if err := t.record().Ended(ctx, failed && !t.Stuck && !grouped); err != nil {
		t.warn(err.Error())
	}
}

// drifted says whether what differs has come about since an earlier run. A command that runs every time never stays as declared.
func (t *Visit) drifted() bool {
	differs := slices.ContainsFunc(t.Diff.Changes, func(c resources.Change) bool { return !c.Late })
	return differs && len(t.Result.Changes) > 0 && t.Drifted != nil && !guard.Repeats(t.Entry) && t.Drifted(t.Entry.Addr)
}

// reversible says whether an undo can take back what differs.
func (t *Visit) reversible() bool {
	return !slices.ContainsFunc(t.Diff.Changes, func(c resources.Change) bool { return c.Irreversible })
}

// LeavesTrace says whether what a resource will do, of which nothing else is known as yet, is something that an undo finds: what a command does and
// that somebody waited are not.
func LeavesTrace(r resources.Resource) bool {
	_, command := r.(resources.Conditional)
	_, wait := r.(resources.Waiter)
	return !command && !wait
}

// fail records why the resource failed, while it tried to make changes, or that it was not begun any more. Whom it would have notified is still owed what
// it may have changed, see [Visit.ended].
func (t *Visit) fail(err error, tried ...resources.Change) {
	t.Result.Changes, t.Changed = nil, false
	if stopped, ok := errors.AsType[*stop.Error](err); ok {
		t.Result.Outcome, t.Result.Reason, t.Result.Because = report.Skipped, stopped.Reason, stopped.Because
		return
	}
	t.Result.Outcome, t.Result.Reversible = report.Failed, t.reversible()
	t.Result.Error = t.Redact.Error(t.Entry, err, tried...)
}
