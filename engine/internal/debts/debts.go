// Package debts is what earlier runs owe: they changed a resource that notifies another, and ended before they had refreshed that.
package debts

import (
	"context"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// Debts lists the resources that changed and whose notify of target was not delivered. Nil knows of none.
type Debts func(target resources.Address) []resources.Address

// To lists the resources of which a is owed a refresh: itself, or the block that it is an instance of, of which only the run told the instances.
func (d Debts) To(a resources.Address) []resources.Address {
	if d == nil {
		return nil
	}
	owed := d(a)
	if all := blockOf(a); all != a {
		owed = slices.Concat(owed, d(all))
	}
	return owed
}

// Divide tells, by divided, to which instances that are declared by now it goes what is owed to a block that only the run repeated.
func (d Debts) Divide(ctx context.Context, declared []*catalog.Entry, divided func(ctx context.Context, block resources.Address, into []resources.Address) error) error {
	if d == nil {
		return nil
	}
	into := map[resources.Address][]resources.Address{}
	for _, e := range declared {
		if all := blockOf(e.Addr); all != e.Addr && len(d(all)) > 0 {
			into[all] = append(into[all], e.Addr)
		}
	}
	for all, some := range into {
		if err := divided(ctx, all, some); err != nil {
			return err
		}
	}
	return nil
}

// blockOf is the address of the block that a resource is an instance of, else its own.
func blockOf(a resources.Address) resources.Address {
	a.Instance = ""
	return a
}
