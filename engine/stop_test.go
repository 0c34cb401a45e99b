package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// patient is a thing that does nothing but wait, for ever.
type patient struct {
	thing
	begun chan struct{}
}

func (p *patient) Waits() {}

func (p *patient) Apply(ctx context.Context, _ host.Host, _ resources.Diff) error {
	close(p.begun)
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestAnInterruptEndsAWait(t *testing.T) {
	stop, begun := make(chan struct{}), make(chan struct{})
	go func() {
		<-begun
		close(stop)
	}()
	c := parse(t, &world{}, "a b", "a>b")
	e := c.Entries()[0]
	e.Resource = &patient{thing: *e.Resource.(*thing), begun: begun}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // where nothing else ends it
	defer cancel()
	rep, err := Converge(ctx, node{}, c, Options{Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a=skipped b=skipped", outcomes(rep)); diff != "" {
		t.Error(diff)
	}
}

// maker is a thing that is changed through the host.
type maker struct{ thing }

func (m *maker) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	if err := h.Mkdir(ctx, m.name, host.Meta{}); err != nil {
		return fmt.Errorf("mkdir: %w", err)
	}
	return m.thing.Apply(ctx, h, d)
}

// ground is a node on which folders can be made.
type ground struct {
	node
	w *world
}

func (g ground) Mkdir(_ context.Context, name string, _ host.Meta) error {
	g.w.did("mkdir %s", name)
	return nil
}

// sharedOps records the first change of two resources at a time.
type sharedOps struct {
	keeper
	come *pair
}

func (k *sharedOps) Op(ctx context.Context, _ resources.Address, _ host.View, _ host.Op) error {
	k.come.wait(ctx)
	return nil
}

func TestFailFastWhileAnothersChangeIsRecorded(t *testing.T) {
	w := &world{}
	c := parse(t, w, "a:fails b:fails", "")
	for _, e := range c.Entries() {
		e.Resource = &maker{*e.Resource.(*thing)}
	}
	keep := &sharedOps{come: newPair()}
	rep, err := Converge(t.Context(), ground{w: w}, c, Options{Recorder: keep, FailFast: true, Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	counts := rep.Counts()
	if diff := cmp.Diff(report.Counts{Total: 2, Failed: 1, Skipped: 1}, counts); diff != "" {
		t.Errorf("%s: %s", outcomes(rep), diff)
	}
	if len(w.log) != 2 { // one folder, one failure
		t.Error(w.log)
	}
}

// TestOneAtATime: the disk that a change waits for is not the time for the next, which would perhaps overtake it.
func TestOneAtATime(t *testing.T) {
	for name, tc := range map[string]struct {
		parallel int
		want     time.Duration
	}{
		"one":     {1, 3 * time.Second},
		"two":     {2, time.Second},
		"default": {0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, start := &world{}, time.Now()
				if _, err := Converge(t.Context(), node{}, parse(t, w, "a b c", ""), Options{Recorder: &patientKeeper{}, Parallel: tc.parallel}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, time.Since(start)); diff != "" {
					t.Error(diff)
				}
				if log := w.done(); tc.parallel == 1 && log != "apply a,apply b,apply c" {
					t.Error(log)
				}
			})
		})
	}
}

// TestAnInterruptEndsTheAttempts: none is made any more, and nobody sits out the time until the next. What was tried has failed; what only waits for others,
// or was not begun, is skipped.
func TestAnInterruptEndsTheAttempts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		make  func(t *thing, begun chan struct{}) resources.Resource
		after time.Duration // 0: when it has begun
		want  string
		log   int
	}{
		{"between two", func(th *thing, _ chan struct{}) resources.Resource { return th }, 20 * time.Second, "a=failed", 1},
		{"during one", func(th *thing, begun chan struct{}) resources.Resource { return &slowly{*th, begun} }, 0, "a=failed", 1},
		{"during a wait", func(th *thing, begun chan struct{}) resources.Resource { return &patient{thing: *th, begun: begun} }, 0, "a=skipped", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, stop, begun := &world{}, make(chan struct{}), make(chan struct{})
				c := parse(t, w, "a:fails,tries", "")
				e := c.Entries()[0]
				e.Resource = tc.make(e.Resource.(*thing), begun)
				start := time.Now()
				go func() {
					if tc.after > 0 {
						time.Sleep(tc.after)
					} else {
						<-begun
					}
					close(stop)
				}()
				rep, err := Converge(t.Context(), node{}, c, Options{Stop: stop})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, outcomes(rep)); diff != "" || w.count("apply a") != tc.log {
					t.Errorf("%s after %v: %s", diff, w.log, rep.Results[0].Warnings)
				}
				if took := time.Since(start); took > 30*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// slowly is a thing whose change takes ten seconds, and fails.
type slowly struct {
	thing
	begun chan struct{}
}

func (s *slowly) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	close(s.begun)
	time.Sleep(10 * time.Second) // of the bubble
	return s.thing.Apply(ctx, h, d)
}
