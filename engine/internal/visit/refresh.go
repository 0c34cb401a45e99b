package visit

import (
	"context"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// notRefreshed begins the reason of a notify that does nothing.
const notRefreshed = "not refreshed: "

// refreshable asks whether a refresh would do something, else why not.
func (t *Visit) refreshable(ctx context.Context, r resources.Refresher) (yes bool, why string, err error) {
	applied := t.Diff
	f, err := attempted(ctx, t, func(ctx context.Context) (f Finding, err error) {
		f.Wanted, f.Why, err = r.Refreshable(ctx, t.View, applied)
		return f, err
	})
	return f.Wanted, f.Why, err
}

// refresh does the refresh that is due, once.
func (t *Visit) refresh(ctx context.Context) error {
	if len(t.Notifiers) == 0 {
		return nil
	}
	r, ok := t.Entry.Resource.(resources.Refresher)
	if !ok {
		return t.settled(ctx)
	}
	yes, why, err := t.refreshable(ctx, r)
	if err != nil {
		return err
	}
	if !yes {
		t.Result.Reason = notRefreshed + why
		return t.settled(ctx)
	}
	t.running("refreshing")
	begin := t.begin
	if t.Changed { // what has begun is brought to its end
		begin = t.record().Begin
	}
	err = t.locked(ctx, t.timeout(t.Entry), func(ctx context.Context) error {
		if err := begin(ctx, resources.Diff{}); err != nil {
			return err
		}
		return r.Refresh(ctx, t.changing(nil))
	})
	if err != nil {
		return err
	}
	t.Result.Refreshed, t.Changed = true, true
	if t.Result.Outcome == report.Unchanged {
		t.Result.Outcome = report.Refreshed
	}
	return t.settled(ctx)
}
