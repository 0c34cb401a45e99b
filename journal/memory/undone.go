package memory

import (
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

// Undone forgets that the resources at the addresses were left as declared, since an undo of a run put back what was before: what the next run makes again is no
// drift. Of a run without a report it is not known which manifest it was of; then nothing is forgotten. The lock must be held.
func Undone(state *journal.State, run string, undone map[resources.Address]bool) error {
	var r struct{ Source string }
	if state.Report(run, &r) != nil || r.Source == "" {
		return nil
	}
	before, err := readManaged(state, r.Source)
	if before == nil || err != nil {
		return err
	}
	all, err := before.resources()
	if err != nil {
		return err
	}
	for i := range all {
		if undone[all[i].Address] {
			all[i].Sum = ""
		}
	}
	return saveManaged(state, r.Source, before.sum, all, before)
}
