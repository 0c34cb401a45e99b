package journal

import (
	"cmp"
	"slices"

	"github.com/nodeapply/apply/journal/internal/lines"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// Manifest is whose debts a run pays: those that runs of the same one have left, and those of which it is not known. What runs of others have left is delivered
// too, for the manifest may have another name by now, once to each and to each declaration of the target; but it stays owed, for there may be two manifests that
// declare different things by one address. The zero value is a manifest that is not known.
type Manifest struct {
	Source string                                // the same for all its revisions
	Sum    func(target resources.Address) string // by which declarations of a target are told apart, "" where that is not known; may be nil
}

// as is what the manifest declares a target as.
func (m Manifest) as(target resources.Address) (sum string) {
	if m.Sum != nil {
		sum = m.Sum(target)
	}
	return cmp.Or(sum, m.Source)
}

// owed lists who owes target what a run of the manifest is to deliver. Few are owed anything: no sum is asked for of the others.
func (m Manifest) owed(all record.Debts, target resources.Address) []resources.Address {
	if len(all[target]) == 0 {
		return nil
	}
	return all.Sources(target, m.Source, m.as(target))
}

// Owed says what a run of a manifest that began now would know as owed, see [Run.Owed]: however old it is, for a clock may have been wrong. Nothing is
// repaired, and the lock need not be held.
func (s *State) Owed(of Manifest) (func(target resources.Address) []resources.Address, error) {
	last, err := s.journals.Newest(func(string, record.Past, *lines.Damage) error { return nil })
	if err != nil {
		return nil, err
	}
	owed := record.NewDebts(last.Owed.List())
	return func(target resources.Address) []resources.Address {
		return of.owed(owed, target)
	}, nil
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
