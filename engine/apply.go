package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

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
			t.fail(err, t.diff.Changes...)
			return
		}
		t.res.Outcome, t.changed = report.Changed, true
		t.report()
		t.res.Changes = t.mask(t.e, t.diff.Changes)
		t.res.Reversible = t.reversible()
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
		diff, err = attempted(ctx, t, func(ctx context.Context) (resources.Diff, error) { return t.e.Resource.Check(ctx, t.view) })
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
	var err error
	if g, ok := t.e.Resource.(resources.Grouper); ok && len(t.cat.Sections(t.v)) == 0 {
		err = t.attempt(ctx, func(ctx context.Context) error { return t.start(ctx, diff) })
		if err == nil {
			err = t.grouped(ctx, g, diff)
		}
	} else {
		err = t.locked(ctx, func(ctx context.Context) error {
			if err := t.start(ctx, diff); err != nil {
				return err
			}
			return t.interruptible(ctx, func(ctx context.Context) error { return t.e.Resource.Apply(ctx, t.changing(&t.stop), diff) })
		})
	}
	if err != nil {
		return err
	}
	warning, err := attempted(ctx, t, t.verify)
	if warning != "" {
		t.res.Warnings = append(t.res.Warnings, warning)
	}
	return err
}

// start records the change that is about to be made. While it was recorded others may have had the slot, and one of them may have failed.
func (t *visit) start(ctx context.Context, diff resources.Diff) error {
	if err := t.record(ctx, diff); err != nil {
		return err
	}
	return t.stop.err()
}

// record tells the recorder what is about to happen, within an attempt.
func (t *visit) record(ctx context.Context, diff resources.Diff) error {
	if t.opts.Recorder == nil {
		return nil
	}
	var before json.RawMessage
	if r, ok := t.e.Resource.(resources.Restorer); ok && !diff.Empty() {
		var err error
		if before, err = r.Before(ctx, t.view, diff); err != nil {
			return err
		}
	}
	err := t.opts.Recorder.Begin(ctx, t.e.Addr, diff, t.owes(), before)
	if _, beyond := t.e.Resource.(resources.Skipper); beyond && err == nil {
		// It does not go through the host, which would tell of it.
		err = t.opts.Recorder.Op(ctx, t.e.Addr, t.view, host.Op{Kind: host.OpPublish, Name: t.e.Addr.Title})
	}
	t.stop.recorded(err)
	return err
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
	release, err := t.locks.Acquire(ctx, t.slot, l.Locks())
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
