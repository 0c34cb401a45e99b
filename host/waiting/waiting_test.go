package waiting_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/syncer"
	"github.com/nodeapply/apply/host/waiting"
)

// scheduler is one whose workers are never all waiting until quiet is closed.
type scheduler struct{ quiet chan struct{} }

func (s scheduler) Wait(wait func())       { wait() }
func (s scheduler) Quiet() <-chan struct{} { return s.quiet }
func (s scheduler) Helper() (func(), bool) { return nil, false }

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
				waiting.Gather(waiting.With(context.Background(), s), joined)
				if got := time.Since(start); got != tc.want {
					t.Errorf("want %v, got %v", tc.want, got)
				}
			})
		})
	}
}

// lender counts how often a place is lent.
type lender struct{ times *int }

func (l lender) Wait(wait func())       { *l.times++; wait() }
func (l lender) Quiet() <-chan struct{} { return nil }
func (lender) Helper() (func(), bool)   { return nil, false }

func TestKeeping(t *testing.T) {
	for name, tc := range map[string]struct {
		keeping bool
		wait    func(context.Context, func())
		lent    int
	}{
		"this node":                  {wait: waiting.For, lent: 1},
		"other nodes":                {wait: waiting.ForOthers, lent: 1},
		"this node in its place":     {keeping: true, wait: waiting.For},
		"other nodes, place or none": {keeping: true, wait: waiting.ForOthers, lent: 1},
	} {
		t.Run(name, func(t *testing.T) {
			lent, waited := 0, 0
			ctx := waiting.With(t.Context(), lender{&lent})
			if tc.keeping {
				ctx = waiting.Keeping(ctx)
			}
			tc.wait(ctx, func() { waited++ })
			if lent != tc.lent || waited != 1 {
				t.Errorf("lent %d times, want %d; waited %d times", lent, tc.lent, waited)
			}
		})
	}
}

// TestDurableMeanwhile: whether a sync is over is told by who joins next, and is the first then.
func TestDurableMeanwhile(t *testing.T) {
	for name, tc := range map[string]struct {
		quiet bool
		takes time.Duration
		over  bool // the sync, while something else is waited for
	}{
		"others are at work":       {takes: 100 * time.Millisecond},
		"all wait":                 {quiet: true, takes: time.Millisecond, over: true},
		"the other wait is long":   {takes: time.Minute, over: true},
		"there is nothing to wait": {},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			synctest.Test(t, func(t *testing.T) {
				s, g := scheduler{make(chan struct{})}, syncer.New()
				ctx := waiting.With(context.Background(), s)
				err := waiting.DurableMeanwhile(ctx, g, int(f.Fd()), func() error {
					if tc.quiet {
						close(s.quiet)
					}
					time.Sleep(tc.takes)
					synctest.Wait()
					if next, err := g.Join(int(f.Fd())); err != nil || next.First() != tc.over {
						t.Errorf("over: want %v, got %v, %v", tc.over, next.First(), err)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestDurableMeanwhileFails by the one or the other, and with both says what the other wait did.
func TestDurableMeanwhileFails(t *testing.T) {
	r, w, err := os.Pipe() // which cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	refused := errors.New("refused")
	for _, tc := range []struct{ meanwhile, want error }{{nil, unix.EINVAL}, {refused, refused}} {
		if err := waiting.DurableMeanwhile(t.Context(), syncer.New(), int(w.Fd()), func() error { return tc.meanwhile }); !errors.Is(err, tc.want) {
			t.Errorf("want %v, got %v", tc.want, err)
		}
	}
	if err := waiting.DurableMeanwhile(t.Context(), syncer.New(), -1, func() error { t.Error("called"); return nil }); !errors.Is(err, unix.EBADF) {
		t.Errorf("want %v, got %v", unix.EBADF, err)
	}
}
