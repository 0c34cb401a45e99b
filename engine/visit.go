package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
		t.res.Outcome, t.res.Reversible, t.changed = report.Pending, false, true
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
	refreshing := len(t.notifiers) > 0
	return attempt(ctx, t, func(ctx context.Context) (f finding, err error) {
		if f.wanted, f.why, err = t.wanted(ctx, refreshing); err == nil && f.wanted {
			f.diff, err = t.e.Resource.Check(ctx, t.view)
		}
		return f, err
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
	for _, c := range t.diff.Changes {
		t.res.Reversible = t.res.Reversible && !c.Irreversible
	}
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

// converge removes the difference and does the refresh that is due.
func (t *visit) converge(ctx context.Context) {
	if len(t.cat.Sections(t.v)) > 0 {
		if !t.limited(ctx) {
			return
		}
		var done func()
		ctx, done = t.inside(ctx)
		defer done()
	}
	if !t.diff.Empty() {
		t.running(t.e.Addr, "applying")
		err := t.apply(ctx)
		var s *stoppedError
		if errors.As(err, &s) {
			t.res.Outcome, t.res.Reason, t.res.Because = report.Skipped, s.reason, s.because
			return
		}
		if err != nil {
			t.fail(err)
			return
		}
		t.res.Outcome, t.changed = report.Changed, true
		t.report()
		t.res.Changes = t.mask(t.e, t.diff.Changes)
		for _, c := range t.diff.Changes {
			t.res.Reversible = t.res.Reversible && !c.Irreversible
		}
	}
	if err := t.refresh(ctx); err != nil {
		t.fail(fmt.Errorf("refresh: %w", err))
	}
}

// report takes over what the resource says of what was done.
func (t *visit) report() {
	r, ok := t.e.Resource.(resources.Reporter)
	if !ok {
		return
	}
	attempts := t.res.Warnings[len(t.diff.Notes):]
	t.diff = r.Done(t.diff)
	t.res.Warnings = append(t.scrubAll(t.diff.Notes), attempts...)
}

// apply makes attempts until one succeeds.
func (t *visit) apply(ctx context.Context) error {
	diff := t.diff
	for n := 1; ; n++ {
		err := t.applyOnce(ctx, diff)
		if err == nil || n >= t.e.Tries || t.stuck || ctx.Err() != nil {
			return err
		}
		t.res.Warnings = append(t.res.Warnings, t.opts.Scrub(fmt.Sprintf("attempt %d of %d: %s", n, t.e.Tries, brief(err))))
		t.running(t.e.Addr, fmt.Sprintf("waiting to try again (%d of %d failed)", n, t.e.Tries))
		if err := sleep(ctx, t.slot, t.e.TrySleep); err != nil {
			return err
		}
		diff, err = attempt(ctx, t, func(ctx context.Context) (resources.Diff, error) { return t.e.Resource.Check(ctx, t.view) })
		if err != nil {
			return err
		}
		if diff.Empty() {
			return nil
		}
		t.running(t.e.Addr, "applying")
	}
}

// brief is an error with the last line of what a command said of it.
func brief(err error) string {
	var d interface{ Detail() string }
	if !errors.As(err, &d) {
		return err.Error()
	}
	said := strings.TrimSpace(d.Detail())
	if said == "" {
		return err.Error()
	}
	return err.Error() + ": " + said[strings.LastIndexByte(said, '\n')+1:]
}

// applyOnce records the change, makes it, and checks that it took.
func (t *visit) applyOnce(ctx context.Context, diff resources.Diff) error {
	if err := t.record(ctx, diff); err != nil {
		return err
	}
	// While it was recorded others may have had the slot, and one of them may have failed.
	if reason, because := t.stop.stopped(); reason != "" {
		return &stoppedError{reason, because}
	}
	var err error
	if g, ok := t.e.Resource.(resources.Grouper); ok && len(t.cat.Sections(t.v)) == 0 {
		err = t.groups.apply(ctx, t, g, diff)
	} else {
		err = t.locked(ctx, func(ctx context.Context) error {
			return t.interruptible(ctx, func(ctx context.Context) error { return t.e.Resource.Apply(ctx, t.changing(), diff) })
		})
	}
	if err != nil {
		return err
	}
	warning, err := attempt(ctx, t, t.verify)
	if warning != "" {
		t.res.Warnings = append(t.res.Warnings, warning)
	}
	return err
}

// record tells the recorder what is about to happen.
func (t *visit) record(ctx context.Context, diff resources.Diff) error {
	if t.opts.Recorder == nil {
		return nil
	}
	return t.attempt(ctx, func(ctx context.Context) error {
		var before json.RawMessage
		if r, ok := t.e.Resource.(resources.Restorer); ok && !diff.Empty() {
			var err error
			if before, err = r.Before(ctx, t.view, diff); err != nil {
				return err
			}
		}
		err := t.opts.Recorder.Begin(ctx, t.e.Addr, diff, t.owes(), before)
		t.stop.recorded(err)
		return err
	})
}

// owes lists the resources that are notified when this one changes.
func (t *visit) owes() []resources.Address {
	var out []resources.Address
	seen := map[int]bool{}
	var follow func(v int)
	follow = func(v int) {
		for _, e := range t.cat.Graph().Succ(v) {
			if !e.Notify || seen[e.To] {
				continue
			}
			seen[e.To] = true
			if e.To >= len(t.cat.Entries()) {
				follow(e.To)
			} else {
				out = append(out, t.cat.Entries()[e.To].Addr)
			}
		}
	}
	follow(t.v)
	return out
}

// locked runs fn as an attempt while it holds the resource's locks.
func (t *visit) locked(ctx context.Context, fn func(context.Context) error) error {
	l, ok := t.e.Resource.(resources.Locker)
	if !ok {
		return t.attempt(ctx, fn)
	}
	release, err := t.locks.acquire(ctx, t.slot, l.Locks())
	if err != nil {
		return err
	}
	defer release()
	return t.attempt(ctx, fn)
}

// verify checks that an Apply took, and that a command's guards are content now.
func (t *visit) verify(ctx context.Context) (warning string, err error) {
	left, err := t.e.Resource.Check(ctx, t.view)
	if err != nil {
		return "", fmt.Errorf("after apply: %w", err)
	}
	if !left.Empty() {
		c := t.mask(t.e, left.Changes[:1])[0]
		return "", fmt.Errorf("still differs after apply: %s is %q, want %q", c.Attribute, c.Before, c.After)
	}
	c, ok := t.e.Resource.(resources.Conditional)
	if !ok || c.Repeats() && len(t.e.Unless)+len(t.e.OnlyIf) == 0 {
		return "", nil
	}
	again, _, err := t.wanted(ctx, false)
	if err != nil || !again {
		return "", err
	}
	const msg = "not idempotent: its guards still ask for it after it ran"
	if t.opts.Strict {
		return "", errors.New(msg)
	}
	return msg, nil
}

// refreshable asks whether a refresh would do something, else why not.
func (t *visit) refreshable(ctx context.Context, r resources.Refresher) (yes bool, why string, err error) {
	applied := t.diff
	f, err := attempt(ctx, t, func(ctx context.Context) (f finding, err error) {
		f.wanted, f.why, err = r.Refreshable(ctx, t.view, applied)
		return f, err
	})
	return f.wanted, f.why, err
}

// refresh does the refresh that is due, once.
func (t *visit) refresh(ctx context.Context) error {
	if len(t.notifiers) == 0 {
		return nil
	}
	r, ok := t.e.Resource.(resources.Refresher)
	if !ok {
		return t.settled(ctx)
	}
	yes, why, err := t.refreshable(ctx, r)
	if err != nil {
		return err
	}
	if !yes {
		t.res.Reason = "not refreshed: " + why
		return t.settled(ctx)
	}
	t.running(t.e.Addr, "refreshing")
	if err := t.record(ctx, resources.Diff{}); err != nil {
		return err
	}
	err = t.locked(ctx, func(ctx context.Context) error { return r.Refresh(ctx, t.changing()) })
	if err != nil {
		return err
	}
	t.res.Refreshed, t.changed = true, true
	if t.res.Outcome == report.Unchanged {
		t.res.Outcome = report.Refreshed
	}
	return t.settled(ctx)
}

// settled strikes out what was owed to the resource.
func (t *visit) settled(ctx context.Context) error {
	if t.opts.Recorder == nil || !t.converging || len(t.notifiers) == 0 {
		return nil
	}
	return t.opts.Recorder.Settled(ctx, t.e.Addr)
}

// fail records why the resource failed. Whom it would have notified is still owed what it may have changed.
func (t *visit) fail(err error) {
	t.res.Outcome, t.res.Changes, t.changed = report.Failed, nil, false
	for _, c := range t.diff.Changes {
		t.res.Reversible = t.res.Reversible && !c.Irreversible
	}
	t.res.Error = t.describe(t.e, err)
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
