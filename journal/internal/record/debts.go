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

// NewDebts makes them of those on record.
func NewDebts(all []Debt) Debts {
	d := Debts{}
	for _, one := range all {
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
