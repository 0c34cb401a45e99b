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

// Divide adds for each of those that a target has become, in a run of manifest of, which declares it as, what the target is owed there.
func (d Debts) Divide(target resources.Address, of, as string, into []Address) {
	for _, one := range d[target] {
		if !one.due(of, as) {
			continue
		}
		one.Of, one.Paid = of, nil
		for _, one.Target = range into {
			d.Owe(one)
		}
	}
}

// Settle strikes out what target is owed when a run of manifest of, which declares it as, has delivered that, and says whether that was anything. What a run of
// another manifest has left stays owed, for that may know something else by the address; only of is not owed it again, and who declares the target so.
func (d Debts) Settle(target resources.Address, of, as string) (any bool) {
	left := d[target][:0]
	for _, one := range d[target] {
		due := one.due(of, as)
		any = any || due
		if !one.foreign(of) {
			continue
		}
		if due {
			one.Paid = append(slices.Clip(one.Paid), of, as)
		}
		left = append(left, one)
	}
	d[target] = left
	return any
}

// foreign says that a run of another manifest than of has left it. What is of an unknown one is everybody's.
func (d Debt) foreign(of string) bool { return d.Of != "" && d.Of != of }

// due says whether a run of manifest of, which declares the target as, is to deliver it.
func (d Debt) due(of, as string) bool {
	return !d.foreign(of) || !slices.Contains(d.Paid, of) && !slices.Contains(d.Paid, as)
}

// Spare strikes out what source owes targets by the run's own changes, and says whether that was anything.
func (d Debts) Spare(source resources.Address, targets []Address) (any bool) {
	for _, target := range targets {
		a := target.Address()
		left := slices.DeleteFunc(d[a], func(one Debt) bool { return one.Own && one.Source.Address() == source })
		any = any || len(left) < len(d[a])
		d[a] = left
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

// Sources lists once each who owes target, of the debts of earlier runs that one of manifest of, which declares it as, is to deliver. Times do not tell which
// are of earlier runs: a clock may have been set back.
func (d Debts) Sources(target resources.Address, of, as string) []resources.Address {
	var out []resources.Address
	for _, one := range d[target] {
		if !one.Own && one.due(of, as) && !slices.Contains(out, one.Source.Address()) {
			out = append(out, one.Source.Address())
		}
	}
	return out
}
