package converge

import (
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/report"
)

// Runner runs what it loads, as its flags say.
type Runner struct {
	*load.Loader
	Noop bool

	planOut       string
	onPlan        func(*report.Report) // gets a plan that was not interrupted, before its end is printed
	sandbox       bool
	tags          []string
	skipTags      []string
	targets       []string
	parallel      flagvalue.Count
	asked         func(flag string) bool // whether it was given
	detailed      bool
	failFast      bool
	strict        bool
	timeout       flagvalue.Duration
	waitLock      flagvalue.Duration
	confirmWithin flagvalue.Duration
}

// New returns the Runner of a command, whose flags are yet to be added.
func New(a *cli.App) *Runner { return &Runner{Loader: load.New(a)} }

// AddRun adds the flags of a command that walks a catalog.
func (r *Runner) AddRun(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringSliceVar(&r.tags, "tags", nil, "only resources with one of these `TAGS`; may repeat")
	s.StringSliceVar(&r.skipTags, "skip-tags", nil, "not the resources with one of these `TAGS`; may repeat")
	s.StringArrayVar(&r.targets, "target", nil, "only this `ADDRESS`, with what it requires; may repeat")
	if err := cmd.RegisterFlagCompletionFunc("target", r.CompleteAddress); err != nil {
		panic(err) // there is no such flag
	}
	r.parallel = flagvalue.Count(runtime.NumCPU())
	s.Var(&r.parallel, "parallel", "resources at a time")
	r.asked = s.Changed
	s.BoolVar(&r.detailed, "detailed-exitcode", false, "exit 2 if something changed (or would), 6 if something failed too")
	s.BoolVar(&r.failFast, "fail-fast", false, "after a failure start nothing new")
	s.BoolVar(&r.strict, "strict", false, "a command that is not idempotent is a failure")
	s.Var(&r.timeout, "timeout", "end the run after this long (default: no limit; each resource has its own)")
	r.AddProfile(s)
	r.AddReport(s, "a report")
}

// workers is how many resources are looked at or brought at a time. One after another they are only where that is asked for: a node with one processor has
// better things to do than to wait for the disk for each.
func (r *Runner) workers() int {
	if r.parallel == 1 && !r.asked("parallel") {
		return 0
	}
	return int(r.parallel)
}

// AddChange adds the flags of commands that change the node.
func (r *Runner) AddChange(s *pflag.FlagSet) {
	s.BoolVar(&r.Noop, "noop", false, "only say what would change; the same as apply plan")
	s.Var(&r.waitLock, "wait-lock", "wait this long for another run to end")
	s.Var(&r.confirmWithin, "confirm-within", "undo the run unless apply confirm comes within this time")
}
