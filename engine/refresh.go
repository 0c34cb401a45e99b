package engine

import (
	"context"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// refreshable asks whether a refresh would do something, else why not.
func (t *visit) refreshable(ctx context.Context, r resources.Refresher) (yes bool, why string, err error) {
	applied := t.diff
	f, err := attempted(ctx, t, func(ctx context.Context) (f finding, err error) {
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
	err = t.locked(ctx, func(ctx context.Context) error {
		if err := t.record(ctx, resources.Diff{}); err != nil {
			return err
		}
		return r.Refresh(ctx, t.changing(nil))
	})
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
