package meeting

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/fleet/joint"
)

// follower watches the meeting: who waited for whom, and whose run is over.
type follower struct {
	m      *Meeting
	report *joint.Report

	mu   sync.Mutex
	view *view.View
	runs map[string]record.Run // as last seen
	open map[waitID]joint.Wait
	done []joint.Wait
}

type waitID struct{ node, wait string }

func newFollower(m *Meeting, report *joint.Report) *follower {
	return &follower{m: m, report: report, view: view.New(m.deployment), runs: map[string]record.Run{}, open: map[waitID]joint.Wait{}}
}

func (f *follower) follow(ctx context.Context) {
	for u, err := range store.Follow(ctx, f.m.hub, name.Prefix(f.m.deployment)) {
		if err != nil {
			return // the end of the run
		}
		events := u.Changes
		if u.Reset != nil {
			for _, e := range u.Reset.Entries {
				events = append(events, store.Event{Entry: e})
			}
		}
		if f.take(u, events) {
			f.m.sayAgain()
		}
	}
}

// take enters changes and tells whether a run has begun.
func (f *follower) take(u store.Update, events []store.Event) (begun bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view.Update(u)
	for _, e := range events {
		k, err := name.Parse(e.Key)
		if err != nil || k.Kind != name.KindRun || e.Deleted {
			continue
		}
		rec, err := record.Decode(k, e.Value)
		if err != nil {
			continue
		}
		now, before := *rec.(*record.Run), f.runs[k.Node]
		f.runs[k.Node] = now
		begun = begun || !now.Ended && now.ID != before.ID
		f.compare(k.Node, before, now, e.Time)
	}
	return begun
}

// compare finds what waits have begun and ended between two records of a run.
func (f *follower) compare(node string, before, now record.Run, at time.Time) {
	for _, w := range now.Waits {
		id := waitID{node, w.Name}
		if _, known := f.open[id]; w.Active && !known {
			f.open[id] = joint.Wait{Node: node, Wait: w.Name, Fact: w.Fact, Group: w.Group, StartMS: f.report.Since(at)}
		}
	}
	for _, w := range before.Waits {
		id := waitID{node, w.Name}
		wait, known := f.open[id]
		if !known || slices.ContainsFunc(now.Waits, func(x record.Wait) bool { return x.Name == w.Name }) {
			continue
		}
		delete(f.open, id)
		d := verdict.Decide(f.view, w, verdict.Asker{})
		// The end of a wait may be told together with that of the run.
		wait.DurationMS, wait.Met = f.report.Since(at)-wait.StartMS, !now.Ended || d.State == verdict.Met
		for _, n := range d.Have {
			if fact, ok := f.view.Fact(n, w.Fact); ok {
				wait.For = append(wait.For, joint.For{Node: n, AtMS: f.report.Since(fact.Time)})
			}
		}
		f.done = append(f.done, wait)
	}
}

// waits are those that have ended, and those that had begun, in the order of their beginnings.
func (f *follower) waits() []joint.Wait {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.done)
	for _, w := range f.open {
		w.DurationMS = f.report.Since(time.Now()) - w.StartMS
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b joint.Wait) int {
		switch {
		case a.StartMS < b.StartMS:
			return -1
		case a.StartMS > b.StartMS:
			return 1
		}
		return 0
	})
	return out
}
