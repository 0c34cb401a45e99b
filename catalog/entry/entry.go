// Package entry is what a catalog is made of: resources as a manifest declares them, where it does, and the mistakes that are found in them. Package catalog gives
// these their names for others.
package entry

import (
	"context"
	"strings"
	"time"

	"github.com/nodeapply/apply/resources"
)

// Entry is one resource as the manifest declares it.
type Entry struct {
	Addr resources.Address
	Pos  Pos // of the block's header
	// Resource is nil where values are missing that only the run gives; Deferred then makes it.
	Resource resources.Resource
	Deferred *Deferred
	Awaits   bool // its Apply waits for other nodes
	Mistaken bool // it stands for a declaration with mistakes, so that references to it are none: what it says is not known
	Options
	// AttrPos returns the place of an attribute's expression, of the block where it has none.
	AttrPos func(attr string) Pos
	// Origins returns what an attribute's value was made of, as references: "fact.hostname", "var.device", "exec.x.stdout".
	Origins func(attr string) []string
}

// Known is what the manifest declares, as far as it can be told before the run.
func (e *Entry) Known() resources.Resource {
	if e.Deferred != nil {
		return e.Deferred.Blank
	}
	return e.Resource
}

// Options are the metaparameters of one entry that are not relations.
type Options struct {
	Off      bool // when = false: declared, not managed in this run
	Unless   []string
	OnlyIf   []string
	Timeout  time.Duration // of one attempt; 0: the type's default
	Tries    int           // 0 is 1
	TrySleep time.Duration
	Noop     bool
	Tags     []string
	// Sensitive names the attributes whose values nobody may see.
	Sensitive []string
}

// Deferred is a block that uses values which only the run gives. It is one vertex, whatever it becomes.
type Deferred struct {
	// Needs names the resources whose late values are used; they are visited before.
	Needs []resources.Address
	// Preview lists the attributes as far as they are known, unknown parts written "(known after wait.x)".
	Preview []resources.Change
	// Unnamed says that only the run tells the naming attribute. Begins is what that begins with, as far as it is known before.
	Unnamed bool
	Begins  string
	// Blank is the resource with what of it is known before, for who has to be told that it will not come to be.
	Blank resources.Resource
	// Repeated says that it becomes instances, and only the run tells which. Relations may name one of them all the same.
	Repeated bool
	// Bind makes the entries: one, or one for each element of for_each. Its errors name their place; a [NotGiven]
	// is none: the block is not managed in this run.
	Bind func(ctx context.Context, late Values) ([]*Entry, error)
}

// Values looks up the late values of a resource that was visited; ok is false if it was not, or has none.
type Values func(addr resources.Address) (values map[string]any, ok bool)

// NotGiven says that a block cannot be made because the run did not give the values of From, say because their commands were not needed.
type NotGiven struct{ From []resources.Address }

// Error is "exec.x did not run, so its values are null; coalesce() or try() may say what to use then".
func (n *NotGiven) Error() string {
	names := make([]string, len(n.From))
	for i, a := range n.From {
		names[i] = a.String()
	}
	its := "its"
	if len(names) > 1 {
		its = "their"
	}
	return strings.Join(names, ", ") + " did not run, so " + its + " values are null; coalesce() or try() may say what to use then"
}

// Problem is a mistake in a manifest.
type Problem struct {
	Pos     Pos
	Also    []Pos // further places it concerns
	Summary string
	Detail  string
}
