package since

import (
	"encoding/json"

	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// Attempts are the undos of a run so far.
type Attempts struct {
	By     string                                  // the one that came to its end, "" if none did
	states map[resources.Address][]json.RawMessage // how the others left what they began to restore; nil where that is not known
}

// AttemptsAt reads the undos of run id.
func AttemptsAt(journals record.Folder, id string) (Attempts, error) {
	found := Attempts{states: map[resources.Address][]json.RawMessage{}}
	ids, err := journals.After(id)
	if err != nil {
		return found, err
	}
	for _, other := range ids {
		p, ended := journals.Closed(other)
		if ended && p.Head.Undoes == id {
			found.By = other
			return found, nil
		}
		if ended {
			continue
		}
		if p, _, err = journals.Read(other); err != nil {
			return found, err
		}
		for _, st := range p.Ops {
			if p.Head.Undoes == id && st.Begin != nil && st.Begin.Restorable() {
				a := st.Begin.Addr.Address()
				found.states[a] = append(found.states[a], st.Left)
			}
		}
	}
	return found, nil
}

// Left is how a state that a type keeps may stand, unless it has changed since: as the run left it, whose step is given, or as an undo that failed did.
// Where one of them died before it could say so it is not known.
func (a Attempts) Left(st record.Step) (left []json.RawMessage, known bool) {
	left = append([]json.RawMessage{st.Left}, a.states[st.Begin.Addr.Address()]...)
	for _, state := range left {
		if state == nil {
			return nil, false
		}
	}
	return left, true
}
