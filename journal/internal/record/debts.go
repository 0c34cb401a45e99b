package record

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
)

// Debts are the refreshes that are owed, by their targets.
type Debts map[resources.Address][]Debt

// NewDebts makes them of those that earlier runs have left.
func NewDebts(all []Debt) Debts {
	d := Debts{}
	for _, one := range all {
		one.Own = false
		d.Owe(one)
	}
	return d
}

// Owe adds one.
func (d Debts) Owe(one Debt) {
	a := one.Target.Address()
	d[a] = append(d[a], one)
}

// Divide adds for each of those that a target has become what the target is owed.
func (d Debts) Divide(target resources.Address, into []Address) {
	for _, one := range d[target] {
		for _, one.Target = range into {
			d.Owe(one)
		}
	}
}

// Spare strikes out what source owes targets by the run's own changes, and says whether that was anything.
func (d Debts) Spare(source resources.Address, targets []Address) (any bool) {
	for _, target := range targets {
		a := target.Address()
		left := slices.DeleteFunc(d[a], func(one Debt) bool { return one.Own && one.Source.Address() == source })
		any = any || len(left) < len(d[a])
		d[a] = left
		if len(left) == 0 {
			delete(d, a)
		}
	}
	return any
}

// List lists them, the oldest first.
func (d Debts) List() []Debt {
	all := slices.Concat(slices.Collect(maps.Values(d))...)
	slices.SortFunc(all, func(a, b Debt) int {
		name := func(d Debt) string { return d.Target.Address().String() + " " + d.Source.Address().String() }
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(name(a), name(b)))
	})
	return all
}

// Sources lists once each who owes target, of the debts of earlier runs. Times do not tell which these are: a clock may have been set back.
func (d Debts) Sources(target resources.Address) []resources.Address {
	var out []resources.Address
	for _, one := range d[target] {
		if !one.Own && !slices.Contains(out, one.Source.Address()) {
			out = append(out, one.Source.Address())
		}
	}
	return out
}
