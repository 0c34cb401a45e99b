package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/converge"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
)

// fleetConverge brings many nodes to one manifest.
type fleetConverge struct {
	*app
	flags       *fleetFlags
	plan        bool
	batch       string
	maxFailures int

	joint    joint.Report
	progress joint.Progress
	live     bool          // on a terminal, of which a part is drawn again and again
	lines    *output.Lines // what is told while it goes on
}

func (a *app) fleetConvergeCommand(f *fleetFlags) *cobra.Command {
	c := &fleetConverge{app: a, flags: f}
	cmd := &cobra.Command{
		Use:   "converge [SET...] [flags] MANIFEST",
		Short: "Bring many nodes to the state that a manifest declares",
		Long: `Bring many nodes to the state that a manifest declares. This program is brought to nodes that do not have it, the manifest with all of its folder to each
(but what begins with a dot), and removed afterwards. The facts and groups of the inventory hold on the nodes. With --git URL, or as git::URL//folder?ref=TAG, the
manifest is a revision of a repository.

Every node compiles the manifest before any is touched: what is wrong with it on a node is told, and the others go on; nodes that wait for each other, or for
what no node exports, are told, and nothing is touched. Waits between nodes work without an exchange: where none is configured, facts travel over the
connections to the nodes.

Exit codes: 0 where no node failed, 1 where nothing was touched, 4 where a node failed or was not reached, and with --detailed-exitcode 2 or 6 where something
changed.`,
		Example: "  apply fleet converge --on gluster main.hcl\n  apply fleet converge --batch 10% --max-failures 1 --plan site\n" +
			"  apply fleet converge -w 'n[01-32]' --git https://example.org/site.git --ref v1.2 web/main.hcl",
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	s := cmd.Flags()
	s.BoolVar(&c.plan, "plan", false, "only say what would change")
	s.StringVar(&c.batch, "batch", "100%", "so many `NODES` (or so many %) at a time")
	s.IntVar(&c.maxFailures, "max-failures", 0, "begin no further batch once `N` nodes have failed, 0 for any number")
	s.StringArrayVar(&a.flags.vars, "var", nil, "value of a variable, as `NAME=VALUE`; may repeat")
	s.StringArrayVar(&a.flags.varFiles, "var-file", nil, "`file` of variables, HCL or JSON; may repeat")
	s.StringSliceVar(&a.flags.tags, "tags", nil, "only resources with one of these `tags`; may repeat")
	s.StringSliceVar(&a.flags.skipTags, "skip-tags", nil, "not the resources with one of these `tags`; may repeat")
	s.StringArrayVar(&a.flags.targets, "target", nil, "only this `address`, with what it requires; may repeat")
	s.BoolVar(&a.flags.detailed, "detailed-exitcode", false, "exit 2 if something changed (or would), 6 if something failed too")
	s.BoolVar(&a.flags.failFast, "fail-fast", false, "on each node, start nothing new after a failure")
	s.BoolVar(&a.flags.strict, "strict", false, "a command that is not idempotent is a failure")
	s.DurationVar(&a.flags.waitLock, "wait-lock", 0, "on each node, wait this long for another run to end")
	s.StringArrayVar(&a.flags.reports, "report", nil, "write the joint report to `FILE`: .json, .xml (JUnit), .html or .prom; may repeat")
	s.DurationVar(&f.timeout, "timeout", 2*time.Hour, "for each node, 0 for none")
	a.flags.repository(s)
	a.flags.shared(s)
	return cmd
}

// run does it all. The last argument is the manifest, which may be left out with --git.
func (c *fleetConverge) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && c.app.flags.git == "" {
		return usageError(cmd, errors.New("which manifest? give a MANIFEST, such as main.hcl"))
	}
	sets, path := args, []string(nil)
	if len(args) > 0 {
		sets, path = args[:len(args)-1], args[len(args)-1:]
	}
	nodes, dialer, err := c.selected(c.flags, sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	o := converge.Options{Dialer: dialer, Timeout: c.flags.timeout, MaxFailures: c.maxFailures, Noop: c.plan, Report: &c.joint}
	if o.Batch, err = nodeset.Share(c.batch, len(nodes)); err != nil || o.Batch == 0 {
		return errors.Join(fmt.Errorf("--batch %s: want at least one node", c.batch), err)
	}
	if _, err := nodeset.Share(c.flags.minOK, len(nodes)); err != nil {
		return fmt.Errorf("--min-ok %w", err)
	}
	ctx, end := interruptible(cmd.Context())
	if err := c.load(ctx, cmd, path, &o); err != nil {
		end()
		return err
	}
	results, err := c.do(ctx, nodes, o)
	number := end()
	if err != nil {
		return err
	}
	return c.told(results, number)
}

// load takes up the manifest and this program.
func (c *fleetConverge) load(ctx context.Context, cmd *cobra.Command, path []string, o *converge.Options) error {
	src, err := c.source(cmd, path)
	if err != nil {
		return err
	}
	found, err := c.checkouts().Find(ctx, src)
	if err != nil {
		return err
	}
	dir, name, from, err := found.Sending()
	if err != nil {
		return err
	}
	c.joint.Manifest, c.joint.Commit, c.joint.Dirty = from.Name, from.Commit, from.Dirty
	if o.Manifest, err = files.Tree(dir); err != nil {
		return err
	}
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	o.Manifest = o.Manifest.With(origin.SentFile, b)
	o.Key = converge.Key(from.Source)
	state, err := c.stateDir()
	if err != nil {
		return err
	}
	o.Facts = filepath.Join(state, "fleet", "facts")
	if err := c.arguments(o, name); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if o.Program, err = files.NewBundle([]string{self}); err != nil {
		return err
	}
	o.Hash, err = converge.HashFile(self)
	return err
}

// arguments are those of the program on the nodes.
func (c *fleetConverge) arguments(o *converge.Options, name string) error {
	f := &c.app.flags
	for _, kv := range os.Environ() {
		key, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "APPLY_VAR_") && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			o.Env = append(o.Env, kv)
		}
	}
	o.Exchange, o.Deployment = f.exchange, f.deployment
	o.Args = append(o.Args, "--sent", "../"+origin.SentFile)
	for flag, value := range map[string]string{"--exchange": f.exchange, "--exchange-credentials": f.credentials, "--deployment": f.deployment} {
		if value != "" {
			o.Args = append(o.Args, flag, value)
		}
	}
	for _, v := range f.vars {
		o.Args = append(o.Args, "--var", v)
	}
	for i, file := range f.varFiles {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		shipped := fmt.Sprintf("vars-%d%s", i, filepath.Ext(file))
		o.Manifest = o.Manifest.With(shipped, content)
		o.Args = append(o.Args, "--var-file", "../"+shipped)
	}
	o.Args = append(o.Args, name)
	o.Partial = len(f.tags)+len(f.skipTags)+len(f.targets) > 0
	for flag, values := range map[string][]string{"--tags": f.tags, "--skip-tags": f.skipTags, "--target": f.targets} {
		for _, v := range values {
			o.RunArgs = append(o.RunArgs, flag, v)
		}
	}
	for flag, on := range map[string]bool{"--fail-fast": f.failFast, "--strict": f.strict, "--wait-lock=" + f.waitLock.String(): f.waitLock > 0} {
		if on {
			o.RunArgs = append(o.RunArgs, flag)
		}
	}
	return nil
}

// do converges, and tells of it while it goes on.
func (c *fleetConverge) do(ctx context.Context, nodes []fleet.Node, o converge.Options) ([]*fleet.Result, error) {
	c.joint.Started, c.joint.Mode = time.Now(), report.Converge
	if c.plan {
		c.joint.Mode = report.Plan
	}
	for _, n := range nodes {
		c.joint.Node(n.Name) // the report has their order
	}
	c.progress.Total = len(nodes)
	var out io.Writer = c.stdout
	if c.live = isTerminal(c.stdout) && c.env("TERM") != "dumb" && !c.app.flags.json; c.live {
		board := output.NewBoard(c.stdout, func() (columns, rows int) { return screen(c.stdout) }, c.progress.Lines)
		defer board.Close()
		out = board
	}
	c.lines = output.NewLines(out, isTerminal(c.stdout))
	o.Reader = c.reader
	o.Begun = func(node string) { c.progress.Begun(c.joint.Node(node), time.Now()) }
	o.Ended, o.Warn = c.ended, c.warn
	results, err := converge.Do(ctx, nodes, o)
	c.joint.DurationMS = c.joint.Since(time.Now())
	return results, err
}

// reader takes what a node tells: its events with --json, else what failed, as it comes.
func (c *fleetConverge) reader(told *joint.Node) *joint.Reader {
	reader := &joint.Reader{Node: told}
	if c.app.flags.json {
		reader.Line = func(line []byte) { c.lines.Node("").Write(append(line, '\n')) } // its error is kept by Lines
		return reader
	}
	reader.Told = func(problem string) { fmt.Fprintf(c.lines.Node(""), "%s: %s\n", told.Node, problem) }
	return reader
}

// ended tells of a node that is done. On a terminal those that went well are only counted.
func (c *fleetConverge) ended(r *fleet.Result) {
	told := c.joint.Node(r.Node)
	told.Outcome, told.Code, told.DurationMS = string(r.Outcome), r.Code(), milliseconds(r.Took)
	if r.Err != nil {
		told.Error = r.Err.Error()
	}
	done, n := c.progress.Ended(told, r.Outcome == fleet.OK), told.Counts()
	if c.app.flags.json {
		object := nodeObject(r)
		object["counts"] = n
		if line, err := json.Marshal(object); err == nil {
			c.lines.Node("").Write(append(line, '\n'))
		}
		return
	}
	what := fmt.Sprintf("%d changed, %d refreshed, %d pending, %d failed of %d", n.Changed, n.Refreshed, n.Pending, n.Failed, n.Total)
	if n.Total == 0 && r.Outcome != fleet.OK {
		what = why(r)
	}
	if !c.live || r.Outcome != fleet.OK {
		fmt.Fprintf(c.lines.Node(""), "[%d/%d] %s: %s (%v)\n", done, c.progress.Total, r.Node, what, r.Took.Round(time.Millisecond))
	}
}

// told sums up, writes the report files and sets the exit code.
func (c *fleetConverge) told(results []*fleet.Result, interrupted int) error {
	if err := c.finish(c.flags, results, interrupted); err != nil {
		return err
	}
	c.ran = true
	n := c.joint.Total()
	if interrupted == 0 {
		if c.code != 0 {
			c.code = 4 // of a node that failed, whatever code its run ended with
		}
		if c.app.flags.detailed && n.Changed+n.Refreshed+n.Pending > 0 {
			c.code |= 2
		}
	}
	c.joint.Code, c.joint.Counts = c.code, n
	if !c.app.flags.json {
		fmt.Fprintf(c.stdout, "%d nodes: %d changed, %d refreshed, %d pending, %d failed, %d skipped of %d resources\n",
			len(results), n.Changed, n.Refreshed, n.Pending, n.Failed, n.Skipped, n.Total)
		c.longestWaits()
	}
	return errors.Join(c.saveJoint(&c.joint), c.summary(results))
}

// longestWaits prints the waits between nodes that took longest.
func (c *fleetConverge) longestWaits() {
	const most, least = 5, 1000
	waits := slices.DeleteFunc(slices.Clone(c.joint.Waits), func(w joint.Wait) bool { return w.DurationMS < least })
	slices.SortStableFunc(waits, func(a, b joint.Wait) int { return int(b.DurationMS - a.DurationMS) })
	for _, w := range waits[:min(most, len(waits))] {
		line := fmt.Sprintf("%s: wait.%s took %v for %s", w.Node, w.Wait, time.Duration(w.DurationMS*float64(time.Millisecond)).Round(time.Millisecond), w.Fact)
		if len(w.For) > 0 {
			line += ", last of " + slices.MaxFunc(w.For, func(a, b joint.For) int { return int(a.AtMS*1000) - int(b.AtMS*1000) }).Node
		}
		fmt.Fprintln(c.stdout, report.Printable(line))
	}
}
