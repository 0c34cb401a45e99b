package journal

import (
	"encoding/json"
	"maps"

	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// States are what types keep to restore the resources that the run has changed, each as it was before the first change of it.
func (r *Run) States() map[resources.Address]json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.states)
}

// Left records how the run leaves such a state. Only an undo looks at that: nobody waits for the disk.
func (r *Run) Left(a resources.Address, now json.RawMessage) error {
	l, err := r.open()
	if err != nil {
		return err
	}
	return l.Later(record.Record{Ended: &record.Ended{Addr: record.AddressOf(a), State: now}})
}
