package journal

import (
	"time"

	"github.com/nodeapply/apply/journal/internal/lines"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// Owed says what a run that began now would know as owed, see [Run.Owed]. Nothing is repaired, and the lock need not be held.
func (s *State) Owed(now time.Time) (func(target resources.Address) []resources.Address, error) {
	last, err := s.journals.Newest(func(string, record.Past, *lines.Damage) error { return nil })
	if err != nil {
		return nil, err
	}
	owed := map[resources.Address][]record.Debt{}
	for _, d := range due(last, now) {
		owed[d.Target.Address()] = append(owed[d.Target.Address()], d)
	}
	return func(target resources.Address) []resources.Address { return record.Sources(owed[target]) }, nil
}

// due lists what is owed and not too old.
func due(p record.Past, now time.Time) []record.Debt {
	var out []record.Debt
	for _, d := range p.Owed {
		if now.Sub(d.Since) < keepDays*24*time.Hour {
			out = append(out, d)
		}
	}
	return out
}
