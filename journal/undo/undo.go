// Package undo says what of a run can be put back, and puts that back as a run of its own: it is on record, and can be undone too. [PlanOf] decides, step by
// step, and [Run] does what it has decided.
package undo

import (
	"context"
	"errors"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host/descriptors"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/undo/internal/taking"
	"github.com/nodeapply/apply/report"
)

// Options of Run.
type Options struct {
	ID          string     // of this run
	Node        string     // this node's name
	Interrupted func() int // the signal after which no step begins any more; 0: none; may be nil
}

// Name is what reports say in the place of the manifest of a run that undoes run id.
func Name(id string) string { return "undo " + id }

// Sweep removes the temporary files of a run that died, where nothing of it is left to be put back: id is that of a run of its own. The lock must be held.
func Sweep(ctx context.Context, state *journal.State, h *local.Node, id string) (warnings []string, err error) {
	run, warnings, err := state.Begin(id, h.Token(), "", journal.Manifest{}, time.Now())
	if err != nil {
		return warnings, err
	}
	return append(warnings, run.Sweep(ctx, h)...), run.Leave()
}

// Run takes the steps of an undo that are not refused, in their order. The lock must be held. Without a report nothing was touched.
func Run(ctx context.Context, state *journal.State, h *local.Node, u *Plan, o Options) (rep *report.Report, err error) {
	rep = &report.Report{Run: o.ID, Node: o.Node, Mode: report.Converge, Manifest: Name(u.Run), Started: time.Now()}
	run, warnings, err := state.Begin(o.ID, h.Token(), u.Run, journal.Manifest{Source: u.manifest}, rep.Started)
	if err != nil {
		return nil, err
	}
	rep.Warnings = append(warnings, run.Sweep(ctx, h)...)
	taker := &taking.Taker{Images: image.In(state.Dir()), Host: h, Run: run, Types: u.types, Folder: u.folder}
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
				start := time.Now()
				results[i], err = taker.Take(ctx, s.taken())
				results[i].StartMS, results[i].DurationMS = report.Millis(start.Sub(rep.Started)), report.Millis(time.Since(start))
				return err
			})
		}
		if err := all.Wait(); err != nil && len(rep.Results) == 0 { // the journal cannot be written, and the first step is alone
			return nil, errors.Join(err, run.Leave())
		}
		rep.Results = append(rep.Results, slices.DeleteFunc(results, func(r *report.Result) bool { return r == nil })...)
	}
	if err := Leave(ctx, run, h, u.types); err != nil {
		rep.Warnings = append(rep.Warnings, err.Error())
	}
	if owed := run.Owing(); len(owed) > 0 {
		rep.Warnings = append(rep.Warnings, "notified by what was put back, and refreshed by the next run: "+strings.Join(owed, ", "))
	}
	rep.DurationMS = report.Millis(time.Since(rep.Started))
	rep.Resources, rep.AsPlanned = len(rep.Results), len(rep.Results)
	if rep.Interrupted != 0 || rep.Counts().Failed > 0 || ctx.Err() != nil {
		return rep, run.Leave() // another undo of the same run puts back what is left
	}
	return rep, run.Close()
}

// together is how many steps are taken at a time at most: their waits for the disk are one wait.
func together() int { return min(512, descriptors.Limit()/16) }

// batches are the steps that are not refused, in their order. Those of one batch may be taken at the same time: of names of which none is another, or in it,
// with no state of a type between them. The first step is alone.
func (u *Plan) batches() (all [][]Step) {
	var names apart
	for _, s := range u.Steps {
		if s.Refused != "" {
			continue
		}
		if names == nil || len(all[len(all)-1]) == together() || !s.alike() || !names.add(s.file.Name) {
			names = nil
			if len(all) > 0 && s.alike() {
				names = apart{}
				names.add(s.file.Name)
			}
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], s)
	}
	return all
}

// apart are names of which none is another, or in it: true. What they are in is false.
type apart map[string]bool

// add adds a name, unless it is one of them, in one of them, or has one of them in it.
func (a apart) add(name string) bool {
	if _, known := a[name]; known {
		return false
	}
	for folder := range above(name) {
		if a[folder] {
			return false
		}
	}
	a[name] = true
	for folder := range above(name) {
		a[folder] = false
	}
	return true
}

// above yields the folders that a name is in, the nearest first.
func above(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name != "/" && name != "." {
			if name = path.Dir(name); !yield(name) {
				return
			}
		}
	}
}

// alike says whether the step depends on no other one but for what its name is in.
func (s Step) alike() bool { return s.file != nil && s.file.After != nil && !s.file.Late && !s.covered }

// taken is what is to be done.
func (s Step) taken() taking.Step {
	return taking.Step{Addr: s.Addr, What: s.What, Notifies: s.notifies, File: s.file, State: s.state, Unit: s.unit}
}
