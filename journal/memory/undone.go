package memory

import (
	"slices"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Undone forgets that the resources at the addresses were left as declared, since an undo of a run put back what was before: what the next run makes again is no
// drift. Those of which it put back all (true), and which the run had brought where nothing was, are not there any more: they become no orphans. Of a run without a
// report, such as one that was killed, it is not known which manifest it was of: then all forget that they were left as declared. The lock must be held.
func Undone(state *journal.State, run string, undone map[resources.Address]bool) error {
	var r report.Report
	if state.Report(run, &r) != nil || r.Source == "" {
		for _, m := range readOthers(state, "") {
			if err := undoneOf(state, m, &r, undone); err != nil {
				return err
			}
		}
		return nil
	}
	before, err := readManaged(state, r.Source)
	if before == nil || err != nil {
		return err
	}
	return undoneOf(state, before, &r, undone)
}

// undoneOf forgets it of what one manifest declared.
func undoneOf(state *journal.State, before *managed, r *report.Report, undone map[resources.Address]bool) error {
	all, err := before.resources()
	if err != nil {
		return err
	}
	made := map[resources.Address]bool{}
	for _, res := range r.Results {
		made[res.Address] = slices.ContainsFunc(res.Changes, func(c report.Change) bool { return c.Attribute == "ensure" && c.Before == "absent" })
	}
	for i := range all {
		a := all[i].Address
		entirely, undone := undone[a]
		if undone {
			all[i].Sum = ""
		}
		if entirely && made[a] {
			all[i].Names, all[i].Removal = nil, nil
		}
	}
	return saveManaged(state, before.source, before.sum, all, before)
}
