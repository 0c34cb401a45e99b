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
	begin, does := t.begin, t.does()
	if t.Changed { // what has begun is brought to its end
		begin, does = t.record().Begin, resources.Diff{}
	}
	err = t.locked(ctx, t.timeout(t.Entry), func(ctx context.Context) error {
		if err := begin(ctx, does); err != nil {
			return err
		}
		return r.Refresh(ctx, t.changing(nil))
	})
	if err != nil {
		return err
	}
	t.Result.Refreshed, t.Changed = true, true
	t.Result.Reversible = t.Result.Reversible && LeavesTrace(t.Entry.Resource)
	if t.Result.Outcome == report.Unchanged {
		t.Result.Outcome = report.Refreshed
	}
	return t.settled(ctx)
}

// does is what a refresh changes by itself: a command may change anything, and nothing takes it back. A service is as it was.
func (t *Visit) does() resources.Diff {
	if LeavesTrace(t.Entry.Resource) {
		return resources.Diff{}
	}
	return resources.Diff{Changes: []resources.Change{{Attr: "refresh", Irreversible: true}}}
}
