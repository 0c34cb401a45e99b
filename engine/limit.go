package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// enter enters the limits that the visit's resource is in, one after the other, and waits for each until there is a place. entered says
// that one was not held before.
func (t *visit) enter(ctx context.Context) (entered bool, err error) {
	for _, s := range t.cat.Sections(t.v) {
		place, now, err := t.enterOne(ctx, s)
		if err != nil {
			return entered, err
		}
		entered = entered || now
		if place == nil {
			continue
		}
		t.places = append(t.places, place)
		t.fences = append(t.fences, fmt.Sprintf("APPLY_FENCE_%s=%d", strings.ToUpper(s.Name), place.Number()))
	}
	if n := len(t.places); n > 0 {
		t.fences = append(t.fences, fmt.Sprintf("APPLY_FENCE=%d", t.places[n-1].Number()))
	}
	return entered, nil
}

// enterOne enters the limit of one section, unless the node is inside. Resources of this node that come at the same time take turns.
func (t *visit) enterOne(ctx context.Context, s *catalog.Section) (place resources.Place, now bool, err error) {
	release, err := t.locks.Acquire(ctx, t.slot, []string{"limit." + s.Name})
	if err != nil {
		return nil, false, err
	}
	defer release()
	if place, held, err := t.limits.Join(s); held {
		return place, false, err
	}
	t.slot.Wait(func() { place, err = t.await(ctx, s) })
	if err != nil {
		return nil, false, err
	}
	t.limits.Take(s, place)
	return place, true, nil
}

// await waits for a place, no longer than the limit allows, and not on when the run is interrupted.
func (t *visit) await(ctx context.Context, s *catalog.Section) (resources.Place, error) {
	e := t.cat.Entries()[s.Limit]
	after := e.Timeout
	if after <= 0 {
		after = t.opts.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, after, &TimeoutError{After: after})
	defer cancel()
	ctx, interrupt := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer interrupt(nil)
	done := ctx.Done()
	watch.Go(func() {
		select {
		case <-t.stop.outside:
			interrupt(&stoppedError{reason: "interrupted"})
		case <-done:
		}
	})
	t.running(t.e.Addr, "waiting for limit."+s.Name)
	ctx = resources.WithTell(ctx, func(what string) { t.running(t.e.Addr, t.opts.Scrub(what)) })
	return e.Resource.(resources.Limiter).Enter(ctx)
}

// inside returns a context that ends when a place that the visit's resource holds is lost.
func (t *visit) inside(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var stops []func() bool
	for _, p := range t.places {
		stops = append(stops, context.AfterFunc(p.Inside(), func() { cancel(context.Cause(p.Inside())) }))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// limited enters the limits of a resource that is about to be changed or refreshed. After a wait it is examined anew. ok is false when nothing is
// left to be done, or it failed.
func (t *visit) limited(ctx context.Context) (ok bool) {
	due := !t.diff.Empty()
	if r, is := t.e.Resource.(resources.Refresher); !due && is && len(t.notifiers) > 0 {
		due, _, _ = t.refreshable(ctx, r) // its error comes again where the refresh is done
	}
	if !due {
		return true
	}
	entered, err := t.enter(ctx)
	var found finding
	if err == nil && entered {
		found, err = t.examine(ctx)
		t.diff = found.diff
	}
	if reason, because := t.stop.stopped(); err == nil && reason != "" {
		err = &stoppedError{reason, because}
	}
	var s *stoppedError
	switch {
	case err == nil && entered && !found.wanted:
		t.res.Reason = found.why
		t.settled(ctx)
		return false
	case errors.As(err, &s):
		t.res.Outcome, t.res.Reason, t.res.Because = report.Skipped, s.reason, s.because
	case err != nil:
		t.fail(err)
	}
	return err == nil
}

// changing is the host through which the visit's resource is changed, see [walk.recorded].
func (t *visit) changing(stop *stopper) host.Host {
	h := t.recorded(t.e.Addr, stop)
	if len(t.fences) > 0 {
		h = host.WithEnv(h, t.fences...)
	}
	return h
}

// leave is told that a vertex has ended: a section of which all have ended is left.
func (w *walk) leave(ctx context.Context, v int, slot graph.Slot) {
	for _, s := range w.cat.Sections(v) {
		place := w.limits.Ended(s)
		if place == nil {
			continue
		}
		if context.Cause(place.Inside()) != nil { // what was going on inside has failed with that
			place.Leave(ctx)
			continue
		}
		var err error
		slot.Wait(func() { err = place.Leave(context.WithoutCancel(ctx)) })
		if err != nil {
			w.trouble.add(w.opts.Scrub(err.Error()))
		}
	}
}

// trouble is what went wrong and made no resource fail.
type trouble struct {
	mu    sync.Mutex
	texts []string
}

func (t *trouble) add(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.texts = append(t.texts, text)
}
