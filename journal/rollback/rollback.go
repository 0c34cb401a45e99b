// Package rollback finds the revision that apply rollback goes back to, in the reports of earlier runs, and says what going there cannot take back.
package rollback

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Way is where a rollback leads, and from where.
type Way struct {
	From *report.Head // the last run of a manifest from git
	To   *report.Head // the run to whose revision it leads; nil: none is on record
	Tag  string       // the revision that was asked for; empty: the one before, of those that converged without failure

	state   *journal.State
	between []*report.Head // runs since the last one of that revision, the newest first
}

// Find reads from the reports which revision is meant. With a tag it may be one that never ran here; Reach completes the Way then.
func Find(state *journal.State, tag string) (*Way, error) {
	ids, err := state.Reports()
	if err != nil {
		return nil, err
	}
	var runs []run
	undone := map[string]bool{}
	for _, id := range ids {
		r, err := state.Head(id)
		if err != nil {
			continue // damaged
		}
		if of, ok := strings.CutPrefix(r.Manifest, undo.Name("")); ok && r.Outcome != report.Failed {
			undone[of] = !undone[id]
		}
		if r.Source == "" || r.Commit == "" {
			continue // an undo, or of no repository
		}
		if len(runs) > 0 && r.Source != runs[0].Source {
			continue
		}
		whole := r.Outcome != report.Failed && r.Interrupted == 0 && !r.Dirty && !r.Partial
		runs = append(runs, run{r, whole, false})
	}
	if len(runs) == 0 {
		return nil, errors.New("no run of a manifest from git is on record")
	}
	for i, r := range runs {
		runs[i].void = undone[r.Run] && slices.ContainsFunc(runs[i+1:], func(older run) bool { return older.Commit == r.Commit })
	}
	counted := slices.DeleteFunc(slices.Clone(runs), func(r run) bool { return r.void })
	w := &Way{From: counted[0].Head, Tag: tag, state: state}
	to := before(counted)
	if tag == "" && to == "" {
		return nil, fmt.Errorf("no revision of %s before %.12s converged here without failure; apply rollback TAG goes to one", w.From.Source, w.From.Commit)
	}
	for _, r := range runs {
		if tag == "" && r.whole && !r.void && r.Commit == to {
			w.To = r.Head
			break
		}
		w.between = append(w.between, r.Head)
	}
	return w, nil
}

// run is what is on record of a run of the manifest.
type run struct {
	*report.Head
	whole bool // its revision converged without failure
	void  bool // it went back to an older one, as a rollback does, and was undone: the node is where it was before
}

// before is the commit that the node was at before that of the newest of some runs, the newest first; "" where none is known. A run of a commit that
// had converged before goes back to it, as a rollback does: those that came after it count no more. From a dirty tree it is back to what was committed.
func before(runs []run) string {
	var line []string
	for _, r := range slices.Backward(runs) {
		switch i := slices.Index(line, r.Commit); {
		case r.Dirty || r.Partial:
		case i >= 0:
			line = line[:i+1]
		case r.whole:
			line = append(line, r.Commit)
		}
	}
	if last := len(line) - 1; last >= 0 && line[last] == runs[0].Commit && !runs[0].Dirty {
		line = line[:last]
	}
	if len(line) == 0 {
		return ""
	}
	return line[len(line)-1]
}

// Reach says which commit the revision is: runs before the last one of it are not in between.
func (w *Way) Reach(commit string) {
	i := slices.IndexFunc(w.between, func(r *report.Head) bool { return r.Commit == commit && !r.Dirty })
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

// Irreversible lists what the runs in between did that no other manifest undoes, each resource once, the newest first. A report that cannot be read any more
// tells nothing.
func (w *Way) Irreversible() []Lasting {
	var out []Lasting
	known := map[resources.Address]bool{}
	for _, head := range w.between {
		var r report.Report
		if head.Counts.Changed+head.Counts.Refreshed > 0 {
			_ = w.state.Report(head.Run, &r)
		}
		for _, res := range r.Results {
			did := res.Outcome == report.Changed || res.Outcome == report.Refreshed
			if did && !res.Reversible && !known[res.Address] {
				known[res.Address] = true
				out = append(out, Lasting{res.Address, res.Pos, head.Run, head.Commit})
			}
		}
	}
	return out
}
