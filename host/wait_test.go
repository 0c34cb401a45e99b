package host_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nodeapply/apply/host"
)

// scheduler is one whose workers are never all waiting until quiet is closed.
type scheduler struct{ quiet chan struct{} }

func (s scheduler) Wait(wait func())       { wait() }
func (s scheduler) Quiet() <-chan struct{} { return s.quiet }

// The clock of these is made up.
func TestGather(t *testing.T) {
	for name, tc := range map[string]struct {
		join  time.Duration // somebody joins each
		until time.Duration // as long as that
		quiet time.Duration // when all wait; 0: never
		want  time.Duration // how long it gathers
	}{
		"nobody joins":          {want: 4 * time.Millisecond},
		"all wait":              {join: time.Millisecond, until: time.Minute, quiet: 10 * time.Millisecond, want: 10 * time.Millisecond},
		"they join for a while": {join: time.Millisecond, until: 30 * time.Millisecond, want: 36 * time.Millisecond},
		"they join without end": {join: time.Millisecond, until: time.Minute, want: 252 * time.Millisecond},
		"they join too seldom":  {join: 10 * time.Millisecond, until: time.Minute, want: 4 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scheduler{make(chan struct{})}
				if tc.quiet > 0 {
					time.AfterFunc(tc.quiet, func() { close(s.quiet) })
				}
				start := time.Now()
				joined := func() int {
					if tc.join == 0 {
						return 1
					}
					return 1 + int(min(time.Since(start), tc.until)/tc.join)
				}
				host.Gather(host.WithWaiter(context.Background(), s), joined)
				if got := time.Since(start); got != tc.want {
					t.Errorf("want %v, got %v", tc.want, got)
				}
			})
		})
	}
}
