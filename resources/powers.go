package resources

import (
	"context"

	"github.com/nodeapply/apply/host"
)

// What a type can do beside Check and Apply is an interface each, asserted where its struct is. Those that come with types or functions of their own are in
// touch.go, survey.go, list.go and restore.go.

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

// Absentee is a Resource that may be declared to be absent, or stopped: what it provides is not there for others.
type Absentee interface{ Absent() bool }

// Runner is a Resource of a unit that may be declared to run: its processes have read what they are configured by when they were started, and read it again
// when the resource is refreshed.
type Runner interface{ Runs() bool }
