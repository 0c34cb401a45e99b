package memory

import (
	"slices"

	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/resources"
)

// Moved lists to which addresses that are new in the manifest went what has another address no longer: a block was renamed, or became a part of a module or
// an instance of a for_each. Only those are asked for to which owed knows something to be owed.
func (mem *Memory) Moved(owed func(target resources.Address) []resources.Address) map[resources.Address][]resources.Address {
	if mem.before == nil || mem.same() {
		return nil
	}
	mem.once.Do(mem.index)
	old, err := mem.before.resources()
	if err != nil {
		return nil // told by orphans
	}
	moved := map[resources.Address][]resources.Address{}
	for _, r := range old {
		if _, still := mem.now[r.Address]; still || len(owed(r.Address)) == 0 {
			continue
		}
		for _, e := range mem.m.Catalog.Entries() {
			if _, known := mem.had[e.Addr]; known || e.Addr.Type != r.Address.Type {
				continue
			}
			named := func(name string) bool { return slices.Contains(r.Names, name) }
			if e.Addr.Title == r.Address.Title || slices.ContainsFunc((&declared.Reader{}).Names(e), named) {
				moved[r.Address] = append(moved[r.Address], e.Addr)
			}
		}
	}
	return moved
}
