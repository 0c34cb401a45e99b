package resources

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nodeapply/apply/host"
)

// Restorer is a Resource whose change cannot be taken back from the pre-images of files alone (units, packages, mounts).
type Restorer interface {
	// Before returns what Restore will need, read from the node before d is applied; nil where there is nothing to restore.
	Before(ctx context.Context, v host.View, d Diff) (json.RawMessage, error)
	// Restore brings back what Before saw. The receiver is a fresh resource of the type that knows nothing but its title, from which the name may
	// differ.
	Restore(ctx context.Context, h host.Host, before json.RawMessage) error
	// Now returns what Before saw as it is now: of the same things, to be restored too, and the very same bytes as long as nothing has changed them and
	// once they are as Before saw them. The receiver is as that of Restore.
	Now(ctx context.Context, v host.View, before json.RawMessage) (json.RawMessage, error)
}

// Taker is a Restorer with whose state files go that no record tells of, such as a home folder with its user.
type Taker interface {
	// Takes names those that Restore of what Before saw removes, with all that is in them. The receiver is as that of Restore.
	Takes(ctx context.Context, v host.View, before json.RawMessage) ([]string, error)
}

// Recall reads what Before of a [Restorer] has written.
func Recall[T any](before json.RawMessage) (kept T, err error) {
	if err := json.Unmarshal(before, &kept); err != nil {
		return kept, fmt.Errorf("what was before: %w", err)
	}
	return kept, nil
}
