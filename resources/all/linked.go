package all

import (
	"cmp"
	"slices"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/fact"
	"github.com/nodeapply/apply/resources/limit"
	"github.com/nodeapply/apply/resources/wait"
)

// Link is a run's part in an exchange.
type Link interface {
	fact.Link
	limit.Link
	wait.Link
}

// Linked returns every type, those that reach other nodes among them, in the order of their names. With a nil link they can be described, not used.
func Linked(l Link) []resources.Type {
	types := append(types(), fact.Type(l), limit.Type(l), wait.Type(l))
	slices.SortFunc(types, func(a, b resources.Type) int { return cmp.Compare(a.Name, b.Name) })
	return types
}
