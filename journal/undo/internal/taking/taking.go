// Package taking takes the steps of an undo: each is announced as a change of a run is, has its time, and how it left its files is recorded.
package taking

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/journal/undo/internal/kept"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// timeout is for one step: to write a file, or to have a type bring its state back. A type that has a longer time of its own has that.
const timeout = 5 * time.Minute

// Step is what is done to one thing: a file, a state or a unit.
type Step struct {
	Addr     resources.Address
	What     string // in words
	Notifies []resources.Address

	File  *File           // to be put back
	State json.RawMessage // to be restored by its type
	Unit  *Unit           // to be refreshed
}

// File is what was at a name.
type File struct {
	Name   string
	Before image.Image
	After  *image.Trace // as the run left it; nil if it died in the middle of it
	Late   bool         // whether it is as After says is seen when its turn comes
}

// Unit is a unit of the node, and what the run did to it as it was notified.
type Unit struct {
	Name string
	Verb host.Verb
}

// Taker takes steps of one run. It may be used by several goroutines.
type Taker struct {
	Images *image.Keeper
	Host   host.Host
	Run    *journal.Run
	Types  kept.Types
	Folder func(name string) bool // whether there was one: where a link is now, nothing is put behind that

	mu    sync.Mutex
	under map[resources.Address]int // steps under way
}

// Take announces one step, takes it, and records how it left its file. The error is that of a step that cannot be announced, which the result tells too.
func (t *Taker) Take(ctx context.Context, s Step) (*report.Result, error) {
	var now json.RawMessage // what an undo of this undo needs
	var err error
	if s.State != nil {
		now, err = t.Types.Now(ctx, t.Host, s.Addr, s.State)
	}
	var unannounced error
	if err == nil {
		unannounced = t.Run.Begin(ctx, s.Addr, resources.Diff{}, s.Notifies, now)
		err = unannounced
	}
	res := &report.Result{Address: s.Addr, Type: s.Addr.Type, Title: s.Addr.Title, Outcome: report.Changed, Reversible: true}
	if err == nil {
		res.Outcome, err = t.announced(ctx, s)
	}
	switch {
	case err != nil:
		res.Outcome, res.Error = report.Failed, &report.Error{Summary: s.What + ": " + err.Error(), Err: err}
	case s.Unit != nil:
		res.Refreshed = res.Outcome == report.Refreshed
	default:
		res.Changes = []report.Change{{Attribute: s.What, Before: "as the run left it", After: "as it was before"}}
	}
	return res, unannounced
}

// announced takes a step that is announced, within its time.
func (t *Taker) announced(ctx context.Context, s Step) (outcome report.Outcome, err error) {
	after := t.timeout(s)
	ctx, cancel := context.WithTimeoutCause(ctx, after, fmt.Errorf("timed out after %s", after))
	defer cancel()
	h := recording.Of(t.Host, recorder{t.Run, s.Addr})
	t.begun(s.Addr)
	defer func() {
		if t.last(s.Addr) {
			err = cmp.Or(err, t.Run.Ended(ctx, s.Addr, t.Host))
		}
		if err != nil {
			outcome = report.Failed
		}
	}()
	outcome = report.Changed
	switch {
	case s.File != nil:
		err = t.putBack(ctx, h, s.File)
	case s.Unit != nil:
		outcome, err = t.refresh(ctx, h, s)
	default:
		err = t.restore(ctx, h, s)
	}
	return outcome, err
}

// begun counts one more step of a resource that is under way.
func (t *Taker) begun(a resources.Address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under == nil {
		t.under = map[resources.Address]int{}
	}
	t.under[a]++
}

// last says, as one has ended, whether no other step of the resource is under way: how it leaves its files is recorded of all of them together.
func (t *Taker) last(a resources.Address) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under[a]--; t.under[a] > 0 {
		return false
	}
	delete(t.under, a)
	return true
}

// timeout is how long a step may take.
func (t *Taker) timeout(s Step) time.Duration {
	if s.File != nil {
		return timeout
	}
	return max(timeout, t.Types.Timeout(s.Addr))
}

// putBack puts a file back from its image.
func (t *Taker) putBack(ctx context.Context, h host.Host, f *File) error {
	if f.Late {
		now, err := image.TraceOf(t.Host, f.Name)
		if err == nil && !now.Same(*f.After) {
			err = errors.New(since.Changed)
		}
		if err != nil {
			return err
		}
	}
	if link, err := image.NewApart(h, t.Folder).Behind(f.Name); link != "" || err != nil {
		return cmp.Or(err, fmt.Errorf("%s is a link in the place of its folder", link))
	}
	return t.Images.PutBack(ctx, h, f.Name, f.Before)
}

// restore asks a type to bring its state back.
func (t *Taker) restore(ctx context.Context, h host.Host, s Step) error {
	r, err := t.Types.Restorer(s.Addr)
	if err != nil {
		return err
	}
	if _, beyond := r.(resources.Skipper); beyond {
		// It does not go through the host, which would tell of it.
		if err := t.Run.Op(ctx, s.Addr, h, host.Op{Kind: host.OpPublish, Name: s.Addr.Title}); err != nil {
			return err
		}
	}
	return r.Restore(ctx, h, s.State)
}

// refresh does to a unit what the run did. One that failed ran when the run came to it.
func (t *Taker) refresh(ctx context.Context, h host.Host, s Step) (report.Outcome, error) {
	verb := s.Unit.Verb
	u, err := h.Unit(ctx, s.Unit.Name)
	switch {
	case err != nil:
		return report.Failed, err
	case u.ActiveState == "failed":
		verb = host.Restart
	case u.ActiveState != "active":
		return report.Unchanged, nil
	}
	if u.NeedDaemonReload {
		if err := h.DaemonReload(ctx); err != nil {
			return report.Failed, err
		}
	}
	if err := h.DoUnit(ctx, s.Unit.Name, verb); err != nil {
		return report.Failed, err
	}
	return report.Refreshed, t.Run.Settled(ctx, s.Addr)
}

// recorder tells the journal what a step changes.
type recorder struct {
	run  *journal.Run
	addr resources.Address
}

// Before tells the journal what is about to be changed.
func (r recorder) Before(ctx context.Context, v host.View, op host.Op) error {
	return r.run.Op(ctx, r.addr, v, op)
}

var _ recording.Recorder = recorder{}
