// Package retreat finds the revision that a rollback goes back to, in the reports of earlier runs, and says what going there cannot take back.
package retreat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Way is where a rollback leads, and from where.
type Way struct {
	From *report.Report // the last run of a manifest from git
	To   *report.Report // the run to whose revision it leads; nil: none is on record
	Tag  string         // the revision that was asked for; empty: the last one that converged without failure

	between []*report.Report // runs since the last one of that revision, the newest first
}

// Find reads from the reports which revision is meant. With a tag it may be one that never ran here; Reach completes the Way then.
func Find(state *journal.State, tag string) (*Way, error) {
	ids, err := state.Reports()
	if err != nil {
		return nil, err
	}
	w := &Way{Tag: tag}
	for _, id := range ids {
		var r report.Report
		if err := state.Report(id, &r); err != nil || r.Source == "" || r.Commit == "" {
			continue // damaged, an undo, or of no repository
		}
		if w.From == nil {
			w.From = &r
		}
		if r.Source != w.From.Source {
			continue
		}
		if tag == "" && w.meant(&r) {
			w.To = &r
			return w, nil
		}
		w.between = append(w.between, &r)
	}
	switch {
	case w.From == nil:
		return nil, errors.New("no run of a manifest from git is on record")
	case tag == "":
		return nil, fmt.Errorf("no revision of %s other than %.12s converged here without failure; apply rollback TAG goes to one", w.From.Source, w.From.Commit)
	}
	return w, nil
}

// meant says whether a run is one to go back to.
func (w *Way) meant(r *report.Report) bool {
	whole := r.Outcome() != report.Failed && r.Interrupted == 0 && !r.Dirty && !r.Partial
	return whole && r.Commit != w.From.Commit
}

// Reach says which commit the revision is: runs before the last one of it are not in between.
func (w *Way) Reach(commit string) {
	i := slices.IndexFunc(w.between, func(r *report.Report) bool { return r.Commit == commit && !r.Dirty })
	if w.To == nil && i >= 0 {
		w.To, w.between = w.between[i], w.between[:i]
	}
}

// Revision is what to check out: the commit that was there, or the tag as it is now.
func (w *Way) Revision() string {
	if w.Tag != "" {
		return w.Tag
	}
	return w.To.Commit
}

// Lasting is a change that a rollback cannot take back.
type Lasting struct {
	Address resources.Address `json:"address"`
	Pos     string            `json:"pos"`
	Run     string            `json:"run"`
	Commit  string            `json:"commit"`
}

// Irreversible lists what the runs in between did that no other manifest undoes, each resource once, the newest first.
func (w *Way) Irreversible() []Lasting {
	var out []Lasting
	for _, r := range w.between {
		for _, res := range r.Results {
			known := slices.ContainsFunc(out, func(l Lasting) bool { return l.Address == res.Address })
			if res.Outcome == report.Changed && !res.Reversible && !known {
				out = append(out, Lasting{res.Address, res.Pos, r.Run, r.Commit})
			}
		}
	}
	return out
}
