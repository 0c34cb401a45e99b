package catalog

import "github.com/nodeapply/apply/resources"

// Clashes says which of the entries that a deferred one has become declare what another of them, or one that was known before, declares
// differently. Two that become known only in the run, of different blocks, are not compared.
func (c *Catalog) Clashes(bound []*Entry) []Problem {
	b := &builder{owners: map[resources.Identity]int{}}
	for _, e := range bound {
		ids := provides(e)
		for _, id := range ids {
			var first *Entry
			if w, ok := b.owners[id]; ok {
				first = bound[w]
			} else if w, ok := c.owners[id]; ok && c.entries[w].Deferred == nil {
				first = c.entries[w]
			}
			if first == nil {
				continue
			}
			if clashes, _ := b.clash(first, e, len(ids)); clashes {
				break
			}
		}
		for _, id := range ids {
			if _, ok := b.owners[id]; !ok {
				b.owners[id] = len(b.entries)
			}
		}
		b.entries = append(b.entries, e)
	}
	return b.problems
}
