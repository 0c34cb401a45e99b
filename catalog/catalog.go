// Package catalog holds what one node should be: the resources that a manifest declares for it, and the order among them.
//
// A Catalog is checked and immutable: [New] finds every mistake that concerns several resources at once (undeclared references,
// duplicates, cycles) and derives the automatic edges. What an [Entry] is stands in package
// catalog/entry. Vertices of its graph are entries by their index, followed by barriers that stand for "all of these" (a module,
// all instances of a resource) so that relations between sets need no edge for every pair.
// The steps in which a catalog is made are those of New, in build.go.
package catalog

import (
	"github.com/nodeapply/apply/catalog/entry"
	"github.com/nodeapply/apply/resources"
)

type (
	// Entry is one resource as the manifest declares it.
	Entry = entry.Entry
	// Pos is a place in a manifest.
	Pos = entry.Pos
	// Options are the metaparameters of one entry that are not relations.
	Options = entry.Options
	// Deferred is a block that uses values which only the run gives. It is one vertex, whatever it becomes.
	Deferred = entry.Deferred
	// Values looks up the late values of a resource that was visited; ok is false if it was not, or has none.
	Values = entry.Values
	// NotGiven says that a block cannot be made because the run did not give the values of From, say because their commands were not needed.
	NotGiven = entry.NotGiven
	// Problem is a mistake in a manifest, found here.
	Problem = entry.Problem
)

// RelationKind says what a relation means.
type RelationKind uint8

// The kinds of relations, in the direction From before To.
const (
	Before RelationKind = iota // order only
	Notify                     // order, and a refresh of To when From changed
	Inside                     // order, and To is changed inside the limit From only
)

// String is the word for k: From is before To, notifies it, or has it inside.
func (k RelationKind) String() string { return [...]string{"before", "notify", "inside"}[k] }

// Relation says that From comes before To. An address with an empty Type stands for a whole module, all its instances unless Module names one; an address
// without Instance stands for all instances of a resource that has them.
type Relation struct {
	From, To resources.Address
	Kind     RelationKind
	Pos      Pos  // of the reference in the manifest
	Target   bool // the reference is To (before, notify), else From (require, subscribe): what a mistake is about
}
