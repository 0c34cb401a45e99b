// Package resources says what a resource is: the interface that every type implements, and the words in which a type speaks of
// what differs. A type's author sees this package and package host, nothing of the language, the graph, the engine or the reports.
//
// The exported fields of a type's struct are its attributes. A tag `hcl:"name"` gives the attribute's name, followed by options:
//
//	title     the naming attribute: the resource's title is its default
//	required  must be set
//	secret    is treated as sensitive, whether or not the manifest says so
//	empty     may be an empty string; else only a pointer to a string and `any` may: to other fields it would be the same as not set
//	public    may not hold a sensitive value (it would appear in an address, a process listing or a file's name)
//
// Fields are string, bool, int, []string, map[string]string, pointers to these where "not set" differs from the zero value, the types
// of this package ([Strings], [Duration], [Scalar]), `any`, and whatever implements [AttrUnmarshaler]. The doc comment of a field is its reference.
// What every resource understands (timeout, tags, when, unless ...) is no attribute of a type: a field of that name is told it besides.
package resources

import (
	"context"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/address"
)

// Address names one resource of a catalog.
type Address = address.Address

// Resource is one thing that a node should have. It is used by one goroutine at a time.
type Resource interface {
	// Check says what differs from what is declared; an empty Diff: as declared. It changes nothing, and twice in a row it says the same. With
	// an error it says what would differ, as far as that can be seen: a plan shows it where something earlier may bring what is missing.
	Check(ctx context.Context, v host.View) (Diff, error)
	// Apply removes d, the difference that Check found, and does no more than that. Check after a successful Apply must return an
	// empty Diff; the engine verifies this after every Apply.
	Apply(ctx context.Context, h host.Host, d Diff) error
}

// Diff is all that differs, one Change an attribute, in a stable order.
type Diff struct {
	Changes []Change
	Notes   []string // warnings to be shown beside the result, whether or not something differs
	// Spreads says that the effect reaches further than the changes listed (a package brings files and units, a mount covers a folder): a plan is
	// less sure of what comes after.
	Spreads bool
	// Found is what Check tells Apply of the same type beside the changes, which only name what differs.
	Found any
}

// Empty says that nothing differs.
func (d Diff) Empty() bool { return len(d.Changes) == 0 }

// Compare adds a change of attr from what it is to what it should be, unless these are the same.
func (d *Diff) Compare(attr, from, to string) {
	if from != to {
		d.Changes = append(d.Changes, Change{Attr: attr, From: from, To: to})
	}
}

// Has says whether attr is among the changes.
func (d Diff) Has(attr string) bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Attr == attr })
}

// Change is one attribute that differs. From and To are printable; an attribute that the manifest marks sensitive is replaced by the engine
// before anybody sees it.
type Change struct {
	Attr string // its name as in the manifest
	From string
	To   string
	Text string // a unified diff of contents, where one helps; bounded in size
	// Irreversible says that undo cannot take this change back.
	Irreversible bool
	// Late says that only the run tells whether there is this difference.
	Late bool
	// Opaque says that the effect of this change is known only by making it (a command).
	Opaque bool
}

// Type is one kind of resource.
type Type struct {
	Name string
	// New returns a pointer to a struct with the defaults of the type for that title; the manifest's attributes fill the rest.
	New func(title string) Resource
	// Timeout is the default deadline of one attempt; 0: the engine's default of five minutes.
	Timeout time.Duration
	// Late names the values that only a run gives (exec: stdout, stderr, exit_code), see Valued.
	Late []string
	// Found names attributes whose value a run gives where they are not declared (mount: device), see Valued.
	Found []string
	// Repeats names those of Late that may hold what attributes do (a command's output): they are sensitive where one of these is.
	Repeats []string
	// Awaits says that Apply waits for other nodes. Nothing that they may need is held meanwhile.
	Awaits bool
	// Stateless says of a type whose resources are no Inspectors why there is nothing to inspect.
	Stateless string
}
