package lock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nodeapply/apply/graph"
)

// The same name excludes, another does not, and what was taken is given back when the rest cannot be had in time.
func TestAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Locks
		var slot graph.Slot
		release, err := l.Acquire(t.Context(), slot, []string{"dpkg"})
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.Acquire(t.Context(), slot, []string{"rpm"})
		if err != nil {
			t.Fatal(err)
		}
		other()
		why := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		if _, err := l.Acquire(ctx, slot, []string{"rpm", "dpkg"}); !errors.Is(err, why) {
			t.Fatalf("want %v while another holds it, got %v", why, err)
		}
		if other, err = l.Acquire(t.Context(), slot, []string{"rpm"}); err != nil {
			t.Fatal(err)
		}
		other()
		release()
		if release, err = l.Acquire(t.Context(), slot, []string{"dpkg", "rpm"}); err != nil {
			t.Fatal(err)
		}
		release()
	})
}
