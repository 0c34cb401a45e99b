// Package undo puts back what a run changed, as a run of its own: it is on record, and can be undone too.
package undo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// stepTimeout is for one step: to write a file, or to have a type bring its state back. A type that has a longer time of its own has that.
const stepTimeout = 5 * time.Minute

// Options of Run.
type Options struct {
	ID          string           // of this run
	Node        string           // this node's name
	Types       []resources.Type // asked to restore what they keep themselves
	Interrupted func() int       // the signal after which no step begins any more; 0: none; may be nil
}

// Name is what reports say in the place of the manifest of a run that undoes run id.
func Name(id string) string { return "undo " + id }

// Run takes the steps of an undo that are not refused, in their order. The lock must be held. Without a report nothing was touched.
func Run(ctx context.Context, state *journal.State, h *local.Node, u *Plan, o Options) (rep *report.Report, err error) {
	rep = &report.Report{Run: o.ID, Node: o.Node, Mode: report.Converge, Manifest: Name(u.Run), Started: time.Now()}
	run, warnings, err := state.Begin(o.ID, h.Token(), u.Run, rep.Started)
	if err != nil {
		return nil, err
	}
	rep.Warnings = append(warnings, run.Sweep(ctx, h)...)
	taker := taker{images: image.In(state.Dir()), h: h, run: run, types: o.Types, began: rep.Started, apart: u.apart}
	for _, batch := range u.batches() {
		results := make([]*report.Result, len(batch))
		var all errgroup.Group
		for i, s := range batch {
			if o.Interrupted != nil {
				rep.Interrupted = o.Interrupted()
			}
			if rep.Interrupted != 0 || ctx.Err() != nil || s.Refreshes() && rep.Counts().Failed > 0 {
				break
			}
			all.Go(func() (err error) {
				results[i], err = taker.take(ctx, s)
				return err
			})
		}
		if err := all.Wait(); err != nil && len(rep.Results) == 0 { // the journal cannot be written, and the first step is alone
			return nil, errors.Join(err, run.Leave())
		}
		rep.Results = append(rep.Results, slices.DeleteFunc(results, func(r *report.Result) bool { return r == nil })...)
	}
	if err := Leave(ctx, run, h, o.Types); err != nil {
		rep.Warnings = append(rep.Warnings, err.Error())
	}
	if owed := run.Owing(); len(owed) > 0 {
		rep.Warnings = append(rep.Warnings, "notified by what was put back, and refreshed by the next run: "+strings.Join(owed, ", "))
	}
	rep.DurationMS = millis(time.Since(rep.Started))
	rep.Resources, rep.AsPlanned = len(rep.Results), len(rep.Results)
	if rep.Interrupted != 0 || rep.Counts().Failed > 0 || ctx.Err() != nil {
		return rep, run.Leave() // another undo of the same run puts back what is left
	}
	return rep, run.Close()
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// together is how many steps are taken at a time at most: their waits for the disk are one wait.
const together = 16

// batches are the steps that are not refused, in their order. Those of one batch may be taken at the same time: files, which no folder, link or state of a
// type comes between, each of another resource, for how a resource leaves its files is recorded of all of them. The first step is alone.
func (u *Plan) batches() (all [][]Step) {
	var names map[string]bool
	var addrs map[resources.Address]bool
	for _, s := range u.Steps {
		if s.Refused != "" {
			continue
		}
		if names == nil || !s.isFile() || len(all[len(all)-1]) == together || addrs[s.Addr] || names[string(s.op.Name)] {
			names, addrs = nil, nil
			if len(all) > 0 && s.isFile() {
				names, addrs = map[string]bool{}, map[resources.Address]bool{}
			}
			all = append(all, nil)
		}
		if names != nil {
			names[string(s.op.Name)], addrs[s.Addr] = true, true
		}
		all[len(all)-1] = append(all[len(all)-1], s)
	}
	return all
}

// isFile says whether there was a file or nothing at the step's name, and the run left a file or nothing.
func (s Step) isFile() bool {
	plain := func(kind string) bool { return kind == host.Regular.String() || kind == host.Absent.String() }
	return s.op != nil && s.after != nil && !s.late && !s.covered && plain(s.op.Pre.Kind) && plain(s.after.Kind)
}

// taker takes steps.
type taker struct {
	images *image.Keeper
	h      *local.Node
	run    *journal.Run
	types  []resources.Type
	began  time.Time
	apart  func(host.View) *image.Apart
}

// take announces one step, takes it, and records how it left its file. The error is that of a step that cannot be announced, which the result tells too.
func (t *taker) take(ctx context.Context, s Step) (*report.Result, error) {
	start := time.Now()
	now, err := t.now(ctx, s)
	var unannounced error
	if err == nil {
		unannounced = t.run.Begin(ctx, s.Addr, resources.Diff{}, s.owes, now)
		err = unannounced
	}
	res := &report.Result{Address: s.Addr, Type: s.Addr.Type, Title: s.Addr.Title, Outcome: report.Changed, Reversible: true,
		Changes: []report.Change{{Attribute: s.What, Before: "as the run left it", After: "as it was before"}}}
	after := t.timeout(s)
	ctx, cancel := context.WithTimeoutCause(ctx, after, fmt.Errorf("timed out after %s", after))
	defer cancel()
	h := host.Recording(t.h, recorder{t.run, s.Addr})
	switch {
	case err != nil:
	case s.Refreshes():
		res.Changes = nil
		res.Outcome, err = t.refresh(ctx, h, s)
		res.Refreshed = res.Outcome == report.Refreshed
	default:
		err = t.putBack(ctx, h, s)
	}
	if err == nil {
		err = t.run.Ended(ctx, s.Addr, t.h)
	}
	if err != nil {
		res.Outcome, res.Changes, res.Refreshed = report.Failed, nil, false
		res.Error = &report.Error{Summary: s.What + ": " + err.Error()}
	}
	res.StartMS, res.DurationMS = millis(start.Sub(t.began)), millis(time.Since(start))
	return res, unannounced
}

// timeout is how long a step may take.
func (t *taker) timeout(s Step) time.Duration {
	i := slices.IndexFunc(t.types, func(typ resources.Type) bool { return typ.Name == s.Addr.Type })
	if s.op != nil || i < 0 {
		return stepTimeout
	}
	return max(stepTimeout, t.types[i].Timeout)
}

// now is what an undo of this undo needs of a type's own state.
func (t *taker) now(ctx context.Context, s Step) (json.RawMessage, error) {
	if s.op != nil || s.Refreshes() {
		return nil, nil
	}
	return nowOf(ctx, t.h, t.types, s.Addr, s.before)
}

// putBack puts a file back from its image; of a type's own state the type is asked.
func (t *taker) putBack(ctx context.Context, h host.Host, s Step) error {
	if s.late {
		now, err := image.TraceOf(t.h, string(s.op.Name))
		if err == nil && !now.Same(*s.after) {
			err = errors.New(since.Changed)
		}
		if err != nil {
			return err
		}
	}
	if s.op != nil {
		if link, err := t.apart(h).Behind(string(s.op.Name)); link != "" || err != nil {
			return cmp.Or(err, fmt.Errorf("%s is a link in the place of its folder", link))
		}
		return t.images.PutBack(ctx, h, string(s.op.Name), *s.op.Pre)
	}
	r, err := restorer(t.types, s.Addr)
	if err != nil {
		return err
	}
	if _, beyond := r.(resources.Skipper); beyond {
		// It does not go through the host, which would tell of it.
		if err := t.run.Op(ctx, s.Addr, h, host.Op{Kind: host.OpPublish, Name: s.Addr.Title}); err != nil {
			return err
		}
	}
	return r.Restore(ctx, h, s.before)
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

var _ host.Recorder = recorder{}
