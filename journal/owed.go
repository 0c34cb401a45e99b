package journal

import (
	"slices"
	"time"

	"github.com/nodeapply/apply/journal/internal/lines"
	"github.com/nodeapply/apply/resources"
)

// Owed says what a run that began now would know as owed, see [Run.Owed]. Nothing is repaired, and the lock need not be held.
func (s *State) Owed(now time.Time) (func(target resources.Address) []resources.Address, error) {
	last, err := s.newest(func(string, past, *lines.Damage) error { return nil })
	if err != nil {
		return nil, err
	}
	owed := map[resources.Address][]debt{}
	for _, d := range last.due(now) {
		owed[d.Target.address()] = append(owed[d.Target.address()], d)
	}
	return func(target resources.Address) []resources.Address { return sources(owed[target]) }, nil
}

// due lists what is owed and not too old.
func (p past) due(now time.Time) []debt {
	var out []debt
	for _, d := range p.owed {
		if now.Sub(d.Since) < keepDays*24*time.Hour {
			out = append(out, d)
		}
	}
	return out
}

// sources lists once each who owes, of the debts of earlier runs. Times do not tell which these are: a clock may have been set back.
func sources(debts []debt) []resources.Address {
	var out []resources.Address
	for _, d := range debts {
		if !d.own && !slices.Contains(out, d.Source.address()) {
			out = append(out, d.Source.address())
		}
	}
	return out
}
