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

// Validator is a Resource that can find mistakes in its attributes before any node is seen. [Mistakes] gathers several; an [AttrError] in them names
// the attribute, and the manifest finds the line.
type Validator interface{ Validate() error }

// Identified is a Resource that provides and requires things by which the catalog finds duplicates and automatic edges.
type Identified interface {
	// Provides lists what only one resource of a catalog may manage, and what others may require.
	Provides() []Identity
	// Requires lists what must come before, if anything of the catalog provides it.
	Requires() []Identity
}

// Identity is a thing of the node.
type Identity struct {
	Kind string // path, mount, unit, user, group, package, repo, ...
	Name string
	// Shared: any number of resources may provide it (repos of one package provider); a resource that requires it comes after all of them.
	Shared bool
	// Nearest, for a required path: if nothing provides exactly this path, the nearest ancestor folder or mount point that the catalog
	// manages is required in its place.
	Nearest bool
	// Below, for a required path: everything of the catalog that is below it is required too.
	Below bool
}

// Prompt is a Resource whose Check looks at files of this node, runs no command and waits for nobody: what a prediction finds holds until something is changed.
type Prompt interface {
	// Prompt says whether Check is over in a moment with what is declared. A prediction checks such resources before all others, in any order.
	Prompt() bool
}

// Refresher is a Resource that does something when a resource it subscribes to has changed.
type Refresher interface {
	// Refreshable says whether a refresh would do anything now, else why not ("not running", "started in this run"). It is asked after the
	// resource's own check, and in a run after its Apply; applied is what that changed, in a plan what it would change.
	Refreshable(ctx context.Context, v host.View, applied Diff) (ok bool, why string, err error)
	// Refresh does it: restarts the service, runs the command again.
	Refresh(ctx context.Context, h host.Host) error
}

// Skipper is a Resource that stands for something beyond this node, and has to do something when it is skipped because a resource before it failed: because
// is that one's address. (An exported fact is withdrawn.)
type Skipper interface {
	Skip(ctx context.Context, h host.Host, because string) error
}

// Conditional is a Resource that may not be wanted at all in this run (an exec with refreshonly or creates). It is asked before the guards.
type Conditional interface {
	// Wanted says whether the resource is to be looked at; refreshing says that a notify asks.
	Wanted(ctx context.Context, v host.View, refreshing bool) (ok bool, why string, err error)
	// Repeats says that nothing of the resource's own (creates, refreshonly) ends its being wanted; only guards can.
	Repeats() bool
}

// Guard is a Resource whose guards run with its own folder, environment, user and path.
type Guard interface {
	// GuardCmd returns the command for one guard; the guard is a shell line.
	GuardCmd(guard string) host.Cmd
}

// Grouper is a Resource several of which are applied in one transaction (packages).
type Grouper interface {
	// ApplyGroup applies the resources in members, this one among them, each with its Diff, and returns an error for each, in order.
	ApplyGroup(ctx context.Context, h host.Host, members []Member) []error
}

// Reporter is a Resource that knows only afterwards what exactly its Apply did (the version that was installed) and what is worth telling of it.
type Reporter interface {
	// Done returns the difference that Check found as it was really removed. It is asked after the check that follows Apply.
	Done(found Diff) Diff
}

// Member is one resource of a group.
type Member struct {
	Resource Resource
	Diff     Diff
}

// Waiter is a Resource whose Apply changes nothing on the node and only waits for others: an interrupt ends it at once.
type Waiter interface{ Waits() }

// Locker is a Resource whose Apply must not run beside others that name the same lock. Of those that are ready the first declared is applied first.
type Locker interface{ Locks() []string }

// Limiter is a Resource that bounds how many nodes at a time change what is declared to be inside it.
type Limiter interface {
	// Enter waits until there is a place for this node and takes it; nil: the limit does not concern this node.
	Enter(ctx context.Context) (Place, error)
}

// Place is a node's place inside a limit.
type Place interface {
	// Number grows with every place that any node takes: what is guarded can refuse one that has lost its place and does not know it yet.
	Number() int64
	// Inside ends, with its cause, when the place is lost: what goes on inside goes by it.
	Inside() context.Context
	// Leave gives the place back.
	Leave(ctx context.Context) error
}

// Valued is a Resource with values that other blocks may use: attributes that are known only after it was visited.
// The values are nil, bool, int, float64, string, []any and map[string]any.
type Valued interface{ Values() map[string]any }

// Coverer is a Resource that puts something else where another resource has made what is there: a file system on its mount point.
type Coverer interface {
	// Covers is the path at which an Apply of d has done so, "" if it has not. The engine then holds what is there against what the other resource declares.
	Covers(d Diff) string
}

// Inspector is a Resource that can fill its own attributes from the node, so that printing them gives a manifest whose plan is empty.
type Inspector interface {
	Inspect(ctx context.Context, v host.View) error
}
