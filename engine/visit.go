package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// visit is the visit of one resource.
type visit struct {
	*walk
	v         int
	e         *catalog.Entry
	slot      graph.Slot
	notifiers []resources.Address // what changed and notifies this one, in this run or, undelivered, in earlier ones
	res       *report.Result
	diff      resources.Diff
	changed   bool // or refreshed, or would be
	stuck     bool // an abandoned attempt still uses the resource
	places    []resources.Place
	fences    []string // what commands learn of them
}

// settle does all that is to be done with the resource and returns its result.
func (t *visit) settle(ctx context.Context) *report.Result {
	t.running(t.e.Addr, "checking")
	found, err := t.examine(ctx)
	t.diff = found.diff
	t.res.Warnings = t.scrubAll(t.diff.Notes)
	t.res.Outcome = report.Unchanged
	switch {
	case err != nil && !t.converging && !t.stuck && (t.states[t.v].after != 0 || errors.Is(err, errUnpredicted)):
		// What is missing now may be what an earlier resource brings.
		t.res.Outcome, t.changed = report.Pending, true
		t.res.Reversible = leavesTrace(t.e.Resource) && t.reversible()
		t.res.Reason = t.opts.Scrub(err.Error())
		t.res.Changes = t.mask(t.e, t.diff.Changes)
	case err != nil:
		t.fail(err)
	case !found.wanted:
		t.res.Reason = found.why
		t.settled(ctx)
	case t.converging && !t.e.Noop:
		t.converge(ctx)
	default:
		t.plan(ctx)
	}
	if !t.converging {
		t.certainty()
	} else if t.predicted != nil {
		t.adopt()
	}
	t.res.Drift = t.drifted()
	t.values()
	if t.converging && t.opts.Recorder != nil && t.res.Outcome != report.Unchanged {
		if err := t.opts.Recorder.Ended(ctx, t.e.Addr, t.view); err != nil {
			t.res.Warnings = append(t.res.Warnings, t.opts.Scrub(err.Error()))
		}
	}
	return t.res
}

// drifted says whether what differs has come about since an earlier run. A command that runs every time never stays as declared.
func (t *visit) drifted() bool {
	if len(t.res.Changes) == 0 || t.opts.Drifted == nil {
		return false
	}
	if c, ok := t.e.Resource.(resources.Conditional); ok && c.Repeats() && len(t.e.Unless)+len(t.e.OnlyIf) == 0 {
		return false
	}
	return t.opts.Drifted(t.e.Addr)
}

// adopt takes over how sure the prediction was.
func (t *visit) adopt() {
	before := t.predicted.states[t.v].results
	if len(before) == 1 && t.e.Deferred == nil && before[0].Address == t.e.Addr && before[0].Certainty != "" {
		t.res.Certainty = before[0].Certainty
	}
}

// finding is what an examination found.
type finding struct {
	wanted bool
	why    string // not
	diff   resources.Diff
}

// examine asks whether the resource is wanted and what differs.
func (t *visit) examine(ctx context.Context) (finding, error) {
	if made, ok := t.ahead.Made(t.v); ok {
		t.res.StartMS, t.res.DurationMS = millis(made.Start.Sub(t.started)), millis(made.Took)
		return made.Value, made.Err
	}
	refreshing := len(t.notifiers) > 0
	return attempted(ctx, t, func(ctx context.Context) (finding, error) {
		return t.ahead.Get(ctx, t.v, func(ctx context.Context) (f finding, err error) {
			if f.wanted, f.why, err = t.wanted(ctx, refreshing); err == nil && f.wanted {
				f.diff, err = t.e.Resource.Check(ctx, t.view)
			}
			return f, err
		})
	})
}

// wanted asks the resource itself, then its guards.
func (t *visit) wanted(ctx context.Context, refreshing bool) (ok bool, why string, err error) {
	if c, is := t.e.Resource.(resources.Conditional); is {
		if ok, why, err = c.Wanted(ctx, t.view, refreshing); err != nil || !ok {
			return false, why, err
		}
	}
	for _, g := range t.e.Unless {
		yes, err := t.guard(ctx, "unless", g)
		if err != nil || yes {
			return false, "unless succeeded", err
		}
	}
	for _, g := range t.e.OnlyIf {
		yes, err := t.guard(ctx, "onlyif", g)
		if err != nil || !yes {
			return false, "onlyif failed", err
		}
	}
	return true, "", nil
}

// guard runs one guard; yes: it succeeded. A guard that cannot be run says nothing, which is an error.
func (t *visit) guard(ctx context.Context, attr, line string) (yes bool, err error) {
	c := host.Cmd{Args: []string{"/bin/sh", "-c", line}}
	if g, ok := t.e.Resource.(resources.Guard); ok {
		c = g.GuardCmd(line)
	}
	out, err := t.view.Query(ctx, c)
	switch {
	case err != nil:
		return false, &resources.AttrError{Attr: attr, Err: err}
	case out.ExitCode == 127 || out.ExitCode == 126:
		reason := strings.TrimSpace(string(out.Stderr))
		if reason == "" {
			reason = "command not found"
		}
		return false, &resources.AttrError{Attr: attr, Err: fmt.Errorf("exit code %d: %s", out.ExitCode, reason)}
	}
	return out.ExitCode == 0, nil
}

// plan says what a run would do now.
func (t *visit) plan(ctx context.Context) {
	t.res.Changes = t.mask(t.e, t.diff.Changes)
	t.changed = !t.diff.Empty()
	t.res.Reversible = t.reversible()
	if r, ok := t.e.Resource.(resources.Refresher); ok && len(t.notifiers) > 0 {
		yes, why, err := t.refreshable(ctx, r)
		t.res.Refreshed, t.res.Reason = yes && err == nil, why
		t.changed = t.changed || t.res.Refreshed
	}
	if t.changed {
		t.res.Outcome = report.Pending
	}
	if c, ok := t.e.Resource.(resources.Conditional); ok && t.res.Reason == "" && c.Repeats() && len(t.e.Unless)+len(t.e.OnlyIf) == 0 {
		t.res.Reason = "runs every time: nothing says when it is no longer needed (creates, unless, onlyif, refreshonly)"
	}
	if t.e.Noop {
		// Nothing will happen, so nobody is notified.
		t.changed = false
	}
}

// reversible says whether an undo can take back what differs.
func (t *visit) reversible() bool {
	return !slices.ContainsFunc(t.diff.Changes, func(c resources.Change) bool { return c.Irreversible })
}

// leavesTrace says whether what a resource will do, of which nothing else is known as yet, is something that an undo finds: what a command does and
// that somebody waited are not.
func leavesTrace(r resources.Resource) bool {
	_, command := r.(resources.Conditional)
	_, wait := r.(resources.Waiter)
	return !command && !wait
}

// fail records why the resource failed, while it tried to make changes. Whom it would have notified is still owed what it may have changed.
func (t *visit) fail(err error, tried ...resources.Change) {
	t.res.Outcome, t.res.Changes, t.changed = report.Failed, nil, false
	t.res.Reversible = t.reversible()
	t.res.Error = t.describe(t.e, err, tried...)
}

// values keeps the values that other blocks may use. A plan knows only those of resources that stay as they are.
func (t *visit) values() {
	r, ok := t.e.Resource.(resources.Valued)
	if !ok || !t.converging && t.res.Outcome != report.Unchanged {
		return
	}
	values := r.Values()
	if values == nil {
		if !t.converging {
			return
		}
		values = map[string]any{}
	}
	t.late.set(t.e.Addr, values)
}

func (t *visit) scrubAll(texts []string) []string {
	var out []string
	for _, s := range texts {
		out = append(out, t.opts.Scrub(s))
	}
	return out
}
