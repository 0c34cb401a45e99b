package initsystem

import (
	"context"
	"fmt"
	"time"

	"github.com/nodeapply/apply/host/waiting"
)

// settle is how long a service must have run to count as running.
const settle = time.Second

// poll is how often a unit is looked at while it settles.
const poll = 50 * time.Millisecond

// ask is how often a command is asked whether a service runs, while that settles.
const ask = 250 * time.Millisecond

// stays waits until runs, which takes a process to say, has said for the settle time that the service does. When it has not said so within the
// patience, it is not waited for any more; 0: it may take as long as ctx.
func stays(ctx context.Context, name string, patience time.Duration, runs func() (bool, error)) error {
	var since time.Time
	start := time.Now()
	for {
		ok, err := runs()
		switch {
		case err != nil:
			return err
		case !ok && !since.IsZero():
			return fmt.Errorf("%s does not stay up", name)
		case !ok && patience > 0 && time.Since(start) >= patience:
			return fmt.Errorf("%s does not run, %s after its start has ended well: either that starts nothing, or its status does not see it", name, patience)
		case ok && since.IsZero():
			since = time.Now()
		case ok && time.Since(since) >= settle:
			return nil
		}
		if err := pause(ctx, ask); err != nil {
			return fmt.Errorf("%s is not running still: %w", name, err)
		}
	}
}

// pause waits without keeping others from working.
func pause(ctx context.Context, d time.Duration) error {
	waiting.For(ctx, func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	})
	return context.Cause(ctx)
}
