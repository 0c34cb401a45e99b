// Package converge has the command that brings many nodes to one manifest.
package converge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/converge"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
)

// convergence brings many nodes to one manifest.
type convergence struct {
	*selection.Nodes
	load        *load.Loader // where the manifest is, and what the nodes are told of it
	plan        bool
	tags        []string
	skipTags    []string
	targets     []string
	detailed    bool
	failFast    bool
	strict      bool
	waitLock    flagvalue.Duration
	batch       string
	maxFailures int

	joint    joint.Report
	progress joint.Progress
	begun    atomic.Bool   // on some node
	live     bool          // on a terminal, of which a part is drawn again and again
	lines    *output.Lines // what is told while it goes on
}

// Command is apply fleet converge.
func Command(s *selection.Nodes) *cobra.Command {
	_, cmd := command(s)
	return cmd
}

func command(s *selection.Nodes) (*convergence, *cobra.Command) {
	c := &convergence{Nodes: s, load: load.New(s.App)}
	cmd := &cobra.Command{
		Use:   "converge [SET...] [flags] MANIFEST",
		Short: "Bring many nodes to the state that a manifest declares",
		Long: `Bring many nodes to the state that a manifest declares. This program is brought to nodes that do not have it, the manifest with all of its folder to each
(but what begins with a dot), and removed afterwards. The facts and groups of the inventory hold on the nodes. With --git URL, or as git::URL//folder?ref=TAG, the
manifest is a revision of a repository.

Every node compiles the manifest before any is touched: what is wrong with it on a node is told, and the others go on; nodes that wait for each other, or for
what no node exports, are told, and nothing is touched. Waits between nodes work without an exchange: where none is configured, facts travel over the
connections to the nodes.

Exit codes: 0 where no node failed, 1 where nothing was touched, such as for a manifest that is wrong on every node, 3 where another run holds the lock of
every node, 4 where a node failed or was not reached, and with --detailed-exitcode 2 or 6 where something changed. With --plan all that would change is told, of nodes for which it is the same once.`,
		Example: "  apply fleet converge --on gluster main.hcl\n  apply fleet converge --batch 10% --max-failures 1 --plan site\n" +
			"  apply fleet converge -w 'n[01-32]' --git https://example.org/site.git --ref v1.2 web/main.hcl",
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	set := cmd.Flags()
	set.BoolVar(&c.plan, "plan", false, "only say what would change")
	set.StringVar(&c.batch, "batch", "100%", "so many `NODES` (or so many %) at a time")
	set.IntVar(&c.maxFailures, "max-failures", 0, "begin no further batch once `N` nodes have failed, 0 for any number")
	c.load.AddVars(set)
	set.StringSliceVar(&c.tags, "tags", nil, "only resources with one of these `TAGS`; may repeat")
	set.StringSliceVar(&c.skipTags, "skip-tags", nil, "not the resources with one of these `TAGS`; may repeat")
	set.StringArrayVar(&c.targets, "target", nil, "only this `ADDRESS`, with what it requires; may repeat")
	set.BoolVar(&c.detailed, "detailed-exitcode", false, "exit 2 if something changed (or would), 6 if something failed too")
	set.BoolVar(&c.failFast, "fail-fast", false, "on each node, start nothing new after a failure")
	set.BoolVar(&c.strict, "strict", false, "a command that is not idempotent is a failure")
	set.Var(&c.waitLock, "wait-lock", "on each node, wait this long for another run to end")
	c.AddReport(set, "the joint report")
	s.AddTimeout(cmd, 2*time.Hour, "for each node, 0 for none")
	c.load.AddRepository(set)
	c.load.Exchange.AddFlags(set)
	return c, cmd
}

// run does it all. The last argument is the manifest, which may be left out with --git.
func (c *convergence) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && c.load.Git == "" {
		return usage.Error(cmd, errors.New("which manifest? give a MANIFEST, such as main.hcl"))
	}
	sets, path := args, []string(nil)
	if len(args) > 0 {
		sets, path = args[:len(args)-1], args[len(args)-1:]
	}
	nodes, dialer, err := c.Selected(sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	o := converge.Options{Dialer: dialer, Timeout: c.Timeout, MaxFailures: c.maxFailures, Noop: c.plan, Report: &c.joint}
	if o.Batch, err = nodeset.Share(c.batch, len(nodes)); err != nil {
		return fmt.Errorf("--batch %w", err)
	}
	if o.Batch == 0 {
		return fmt.Errorf("--batch %s: want at least one node", c.batch)
	}
	if c.maxFailures < 0 {
		return fmt.Errorf("--max-failures %d: want a number of nodes, or 0 for any", c.maxFailures)
	}
	ctx, end := selection.Interruptible(cmd.Context())
	err = c.prepare(ctx, cmd, path, &o)
	if warnings := c.TakeWarnings(); ctx.Err() == nil { // else they are of what could not be found out in time
		for _, w := range warnings {
			c.Warn(errors.New(w))
		}
		if err != nil {
			end()
			return err
		}
	}
	results, err := c.do(ctx, nodes, o)
	number := end()
	if err != nil {
		return err
	}
	return c.told(results, number)
}

// prepare takes up the manifest and this program.
func (c *convergence) prepare(ctx context.Context, cmd *cobra.Command, path []string, o *converge.Options) error {
	src, err := c.load.Source(cmd, path)
	if err != nil {
		return err
	}
	found, err := c.load.Checkouts(origin.Options{}).Find(ctx, src)
	if err != nil {
		return err
	}
	dir, name, from, err := found.Sending()
	if err != nil {
		return err
	}
	c.joint.Manifest, c.joint.Commit, c.joint.Dirty = from.Name, from.Commit, from.Dirty
	if o.Manifest, err = files.Tree(dir, "manifest"); err != nil {
		return err
	}
	from.Vars = c.load.Vars
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	o.Beside = (&files.Bundle{}).With("data/"+origin.SentFile, b)
	o.Key = converge.Key(from.Source)
	state, err := c.StateDir()
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
	o.Program, err = seat.NewProgram(self)
	return err
}

// arguments are those of the program on the nodes.
func (c *convergence) arguments(o *converge.Options, name string) error {
	f, x := &c.load.Flags, &c.load.Exchange
	for _, kv := range f.Given() {
		key, _, _ := strings.Cut(kv, "=") // a fact is of one node, not of all
		if strings.HasPrefix(key, "APPLY_VAR_") && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			o.Env = append(o.Env, kv)
		}
	}
	if err := connect.Check(x.URL, x.Deployment); err != nil {
		return err
	}
	o.Exchange, o.Deployment = x.URL, x.Deployment
	o.Args = append(o.Args, "--sent", "../"+origin.SentFile)
	for flag, value := range map[string]string{"--exchange": x.URL, "--exchange-credentials": x.Credentials, "--deployment": x.Deployment} {
		if value != "" {
			o.Args = append(o.Args, flag, value)
		}
	}
	for i, file := range f.VarFiles {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		shipped := fmt.Sprintf("vars-%d%s", i, filepath.Ext(file))
		o.Beside = o.Beside.With("data/"+shipped, content)
		o.Args = append(o.Args, "--var-file", "../"+shipped)
	}
	o.Args = append(o.Args, name)
	o.Partial = len(c.tags)+len(c.skipTags)+len(c.targets) > 0
	for flag, values := range map[string][]string{"--tags": c.tags, "--skip-tags": c.skipTags, "--target": c.targets} {
		for _, v := range values {
			o.RunArgs = append(o.RunArgs, flag, v)
		}
	}
	for flag, on := range map[string]bool{"--fail-fast": c.failFast, "--strict": c.strict, "--wait-lock=" + c.waitLock.String(): c.waitLock > 0} {
		if on {
			o.RunArgs = append(o.RunArgs, flag)
		}
	}
	return nil
}

// do converges, and tells of it while it goes on.
func (c *convergence) do(ctx context.Context, nodes []fleet.Node, o converge.Options) (results []*fleet.Result, err error) {
	c.joint.Started, c.joint.Mode = time.Now(), report.Converge
	if c.plan {
		c.joint.Mode = report.Plan
	}
	for _, n := range nodes {
		c.joint.Node(n.Name) // the report has their order
	}
	c.progress.Total = len(nodes)
	var out io.Writer = c.Stdout
	if c.live = cli.IsTerminal(c.Stdout) && c.Env("TERM") != "dumb" && !c.JSON; c.live {
		board := output.NewBoard(c.Stdout, func() (columns, rows int) { return cli.Screen(c.Stdout) }, c.progress.Lines)
		defer board.Close()
		out = board
	}
	c.lines = output.NewLines(out, cli.IsTerminal(c.Stdout))
	o.Reader = c.reader
	o.Begun = func(node string) {
		c.begun.Store(true)
		c.progress.Begun(c.joint.Node(node), time.Now())
	}
	o.Ended, o.Warn = c.ended, c.Warn
	o.Segment = func(t transport.Target) string { return selection.Segment(o.Dialer, t) }
	notes := output.NewLines(c.Stderr, true) // what nodes say of each other may be anything
	o.Note = func(node, text string) { fmt.Fprintf(notes.Node(node), "%s\n", text) }
	o.Log = c.Logger()
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		c.interrupted()
	})
	if ctx.Err() == nil {
		results, err = converge.Do(ctx, nodes, o)
	} else { // before there was anything to bring
		results = fleet.Each(ctx, nodes, fleet.Options{Ended: c.ended}, nil)
	}
	if !stop() {
		<-told
	}
	c.joint.DurationMS = c.joint.Since(time.Now())
	return results, err
}

// interrupted tells what a signal does, where nodes have begun: by itself nothing is seen of it for as long as they take.
func (c *convergence) interrupted() {
	const line = "apply: interrupted: nodes let finish what runs, for a minute at most; once more ends this program alone, and apply fleet nodes tells how their runs ended"
	switch {
	case !c.begun.Load():
	case c.live:
		_ = c.lines.Line(line)
	default:
		fmt.Fprintln(c.Stderr, line)
	}
}

// reader takes what a node tells: its events with --json, else what failed, as it comes.
func (c *convergence) reader(told *joint.Node) *joint.Reader {
	reader := &joint.Reader{Node: told}
	if c.JSON {
		reader.Line = func(line []byte) { _ = c.lines.Line(string(line)) } // its error is kept by Lines
		return reader
	}
	reader.Told = func(problem string) { _ = c.lines.Line(told.Node + ": " + problem) }
	return reader
}

// ended tells of a node that is done. On a terminal those that went well are only counted.
func (c *convergence) ended(r *fleet.Result) {
	told := c.joint.Node(r.Node)
	told.Outcome, told.Code, told.DurationMS = string(r.Outcome), r.Code(), report.Millis(r.Took)
	if r.Err != nil {
		told.Error = r.Err.Error()
	}
	done, n := c.progress.Ended(told, r.Outcome == fleet.OK), told.Counts()
	if c.JSON {
		object := selection.NodeObject(r)
		object["counts"] = n
		if line, err := report.JSON(object); err == nil {
			_ = c.lines.Line(string(line))
		}
		return
	}
	what := fmt.Sprintf("%d changed, %d refreshed, %d pending, %d failed of %d", n.Changed, n.Refreshed, n.Pending, n.Failed, n.Total)
	if n.Total == 0 && r.Outcome != fleet.OK {
		what = selection.Why(r)
	}
	if !c.live || r.Outcome != fleet.OK {
		_ = c.lines.Line(fmt.Sprintf("[%d/%d] %s: %s (%v)", done, c.progress.Total, r.Node, what, r.Took.Round(time.Millisecond)))
	}
}
