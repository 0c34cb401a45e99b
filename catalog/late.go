package catalog

import (
	"reflect"
	"strings"

	"github.com/nodeapply/apply/resources"
)

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
			if first != nil && b.clash(first, e, len(ids)) {
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

func (b *builder) clash(first, second *Entry, shared int) bool {
	if reflect.TypeOf(first.known()) != reflect.TypeOf(second.known()) {
		b.conflict(first, second, "")
		return true
	}
	diff := contradictions(first, second)
	if len(diff) == 0 || partly(first, second, shared, diff) {
		return false
	}
	b.conflict(first, second, "they differ in "+strings.Join(diff, ", "))
	return true
}
