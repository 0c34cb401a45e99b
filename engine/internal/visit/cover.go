package visit

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/engine/internal/guard"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// cover does for what the resource has put over what an earlier one made what that one declares, such as the owner of a folder on which a file system is
// mounted now: the next run would find it to differ. Where that fails the next run says so, for the resource itself is as declared.
func (t *Visit) cover(ctx context.Context, diff resources.Diff) (brought []report.Change) {
	c, ok := t.Entry.Resource.(resources.Coverer)
	if !ok || t.Under == nil || c.Covers(diff) == "" {
		return nil
	}
	under := t.Under(ctx, t.Vertex, c.Covers(diff))
	if under == nil {
		return nil
	}
	err := func() error {
		if wanted, _, err := guard.Wanted(ctx, t.View, under, false); err != nil || !wanted {
			return err
		}
		d, err := under.Resource.Check(ctx, t.View)
		if err == nil && !d.Empty() {
			brought = t.Redact.Changes(under, d.Changes)
			err = under.Resource.Apply(ctx, t.changing(t.Stop), d)
		}
		return err
	}()
	if err != nil {
		t.warn(fmt.Sprintf("%s is not as declared on what is there now: %s", under.Addr, err))
		return nil
	}
	return brought
}
