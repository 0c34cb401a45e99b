package manager

import (
	"context"
	"errors"
)

// Exchange installs and then removes, for managers that do not do both at once: what takes the place of another package must be there before
// that goes, or what needs one of the two would go with it or keep it. Where the two conflict, the new one is installed afterwards. remove is called where
// something goes.
func (t Transaction) Exchange(ctx context.Context, install, remove func() error) error {
	err := install()
	if len(t.Remove)+len(t.Purge) == 0 || ctx.Err() != nil {
		return err
	}
	rerr := remove()
	if err != nil && rerr == nil {
		return install()
	}
	return errors.Join(err, rerr)
}
