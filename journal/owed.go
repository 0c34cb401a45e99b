package journal

import (
	"slices"

	"github.com/nodeapply/apply/journal/internal/lines"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// Owed says what a run that began now would know as owed, see [Run.Owed]: however old it is, for a clock may have been wrong. Nothing is repaired, and the
// lock need not be held.
func (s *State) Owed() (func(target resources.Address) []resources.Address, error) {
	last, err := s.journals.Newest(func(string, record.Past, *lines.Damage) error { return nil })
	if err != nil {
		return nil, err
	}
	return record.NewDebts(last.Owed.List()).Sources, nil
}

// Owing names the resources that the run itself owes a refresh.
func (r *Run) Owing() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.owed.List() {
		if name := d.Target.Address().String(); d.Own && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
