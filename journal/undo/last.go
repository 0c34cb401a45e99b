package undo

import (
	"errors"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
)

// LastChange is the id of the run that an undo is of where none is named: the last one that changed something. Where that is an undo that did not come
// to its end, it is the run that it undid: the rest of it is left to be done.
func LastChange(state *journal.State, v host.View) (string, error) {
	journals := record.In(state.Dir())
	ids, err := journals.IDs()
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		p, dmg, err := journals.Read(id)
		if err != nil {
			return "", err
		}
		if _, ended := journals.Closed(id); !ended && slices.Contains(ids, p.Head.Undoes) {
			return p.Head.Undoes, nil
		}
		if dmg != nil || changedBy(v, p) {
			return id, nil
		}
	}
	return "", errors.New("no run that changed something is on record")
}

// changedBy says whether a run changed anything: not where all that it announced failed, and is still as it was before. What cannot be looked at counts as
// changed: its undo says why.
func changedBy(v host.View, p record.Past) bool {
	for _, st := range p.Ops {
		if st.Op == nil {
			continue
		}
		switch host.OpKind(st.Op.Kind) {
		case host.OpRun, host.OpUnit, host.OpPublish: // who knows
			return true
		}
		if st.Op.Pre == nil { // a name that an earlier record tells of
			continue
		}
		now, err := image.TraceOf(v, string(st.Op.Name))
		if err != nil || st.After != nil && !now.Same(*st.After) {
			return true
		}
		if same, err := st.Op.Pre.Is(v, string(st.Op.Name)); err != nil || !same {
			return true
		}
	}
	return false
}
