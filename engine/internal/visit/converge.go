package visit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// converge removes the difference and does the refresh that is due.
func (t *Visit) converge(ctx context.Context) {
	if sections := t.Catalog.Sections(t.Vertex); len(sections) > 0 {
		if !t.enter(ctx, sections) {
			return
		}
		var done func()
		ctx, done = t.inside.Context(ctx)
		defer done()
	}
	t.Result.Begun = true
	if !t.Diff.Empty() {
		t.running("applying")
		if err := t.apply(ctx); err != nil {
			t.fail(err, t.Diff.Changes...)
			return
		}
		t.Result.Outcome, t.Changed = report.Changed, true
		t.report()
		t.Result.Changes = append(t.Redact.Changes(t.Entry, t.Diff.Changes), t.covering...)
		t.Result.Reversible = t.reversible()
	}
	if err := t.refresh(ctx); err != nil {
		t.fail(fmt.Errorf("refresh: %w", err))
		t.Result.Reversible = t.Result.Reversible && LeavesTrace(t.Entry.Resource)
	}
}

// report takes over what the resource says of what was done.
func (t *Visit) report() {
	r, ok := t.Entry.Resource.(resources.Reporter)
	if !ok {
		return
	}
	attempts := t.Result.Warnings[len(t.Diff.Notes):]
	t.Diff = r.Done(t.Diff)
	t.Result.Warnings = append(t.Redact.Texts(t.Diff.Notes), attempts...)
}

// apply makes attempts until one succeeds. After the first none is made where nothing new may start: what was tried has failed then, as it did.
func (t *Visit) apply(ctx context.Context) error {
	diff := t.Diff
	err := t.applyOnce(ctx, diff)
	for n := 1; err != nil && n < t.Entry.Tries && t.mayTryAgain(ctx); n++ {
		t.warn(fmt.Sprintf("attempt %d of %d: %s", n, t.Entry.Tries, t.Redact.Brief(err)))
		t.running(fmt.Sprintf("waiting to try again (%d of %d failed)", n, t.Entry.Tries))
		if d := t.Entry.TrySleep; d > 0 {
			t.Slot.Wait(func() { t.Stop.Sleep(ctx, d) })
		}
		if !t.mayTryAgain(ctx) {
			return cmp.Or(context.Cause(ctx), err)
		}
		var unseen error
		diff, unseen = attempted(ctx, t, func(ctx context.Context) (resources.Diff, error) { return t.Entry.Resource.Check(ctx, t.View) })
		if unseen != nil {
			return unseen
		}
		if diff.Empty() {
			return nil
		}
		t.running("applying")
		again := t.applyOnce(ctx, diff)
		if _, stopped := errors.AsType[*stop.Error](again); !stopped {
			err = again
		}
	}
	return err
}

func (t *Visit) mayTryAgain(ctx context.Context) bool {
	return !t.Stuck && ctx.Err() == nil && t.Stop.Why() == nil
}

func (t *Visit) warn(text string) {
	t.Result.Warnings = append(t.Result.Warnings, t.Redact.Text(text))
}

// applyOnce records the change, makes it, and checks that it took.
func (t *Visit) applyOnce(ctx context.Context, diff resources.Diff) error {
	var err error
	if g, ok := t.Entry.Resource.(resources.Grouper); ok && len(t.Catalog.Sections(t.Vertex)) == 0 {
		err = t.grouped(ctx, g, diff)
	} else {
		err = t.alone(ctx, diff)
	}
	if err != nil {
		return err
	}
	warning, err := attempted(ctx, t, t.verify)
	if warning != "" {
		t.warn(warning)
	}
	return err
}

// alone makes the visit's change by itself.
func (t *Visit) alone(ctx context.Context, diff resources.Diff) error {
	return t.locked(ctx, t.timeout(t.Entry), func(ctx context.Context) error {
		if err := t.begin(ctx, diff); err != nil {
			return err
		}
		err := t.interruptible(ctx, func(ctx context.Context) error { return t.Entry.Resource.Apply(ctx, t.changing(t.Stop), diff) })
		if err == nil {
			t.covering = t.cover(ctx, diff)
		}
		return err
	})
}

// begin records the change that is about to be made, within an attempt. While it was recorded others may have had the slot, and one of them may have failed.
func (t *Visit) begin(ctx context.Context, diff resources.Diff) error {
	if err := t.record().Begin(ctx, diff); err != nil {
		return err
	}
	return t.Stop.Err()
}

// changing is the host through which the resource is changed: each change is recorded, and commands are told of the limits that they are in.
func (t *Visit) changing(may *stop.Stopper) host.Host {
	return t.inside.Host(t.record().Host(t.Host, may))
}

// interruptible calls apply, whose context an interrupt ends if all that it does is to wait: it then counts as not begun.
func (t *Visit) interruptible(ctx context.Context, apply func(context.Context) error) error {
	if _, ok := t.Entry.Resource.(resources.Waiter); !ok {
		return apply(ctx)
	}
	ctx, done := t.Stop.Context(ctx)
	defer done()
	err := apply(ctx)
	if stopped, ok := errors.AsType[*stop.Error](context.Cause(ctx)); ok && err != nil {
		return stopped
	}
	return err
}

// locked runs fn as an attempt while it holds the resource's locks.
func (t *Visit) locked(ctx context.Context, after time.Duration, fn func(context.Context) error) error {
	l, ok := t.Entry.Resource.(resources.Locker)
	if !ok {
		return t.within(ctx, after, fn)
	}
	if err := t.turns.Await(ctx, t.Slot, t.Vertex); err != nil {
		return err
	}
	defer t.turns.Over(t.Vertex)
	release, err := t.locks.Acquire(ctx, t.Slot, l.Locks())
	if err != nil {
		return err
	}
	defer release()
	return t.within(ctx, after, fn)
}

// verify checks that an Apply took, and that a command's guards are content now.
func (t *Visit) verify(ctx context.Context) (warning string, err error) {
	left, err := t.Entry.Resource.Check(ctx, t.View)
	if err != nil {
		return "", fmt.Errorf("after apply: %w", err)
	}
	if !left.Empty() {
		c := t.Redact.Changes(t.Entry, left.Changes[:1])[0]
		return "", fmt.Errorf("still differs after apply: %s is %q, want %q", c.Attribute, c.Before, c.After)
	}
	if _, ok := t.Entry.Resource.(resources.Conditional); !ok || guard.Repeats(t.Entry) {
		return "", nil
	}
	again, _, err := guard.Wanted(ctx, t.View, t.Entry, false)
	if err != nil || !again {
		return "", err
	}
	const msg = "not idempotent: its guards still ask for it after it ran"
	if t.Strict {
		return "", errors.New(msg)
	}
	return msg, nil
}
