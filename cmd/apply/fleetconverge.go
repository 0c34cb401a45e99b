package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/report"
)

// fleetConverge brings many nodes to one manifest.
type fleetConverge struct {
	*app
	flags       *fleetFlags
	plan        bool
	batch       string
	maxFailures int

	program  *files.Bundle // this program, for nodes that do not have it
	hash     string
	manifest *files.Bundle
	joint    joint.Report
	lines    *output.Lines // what is told while it goes on
	mu       sync.Mutex    // of done
	done     int
}

func (a *app) fleetConvergeCommand(f *fleetFlags) *cobra.Command {
	c := &fleetConverge{app: a, flags: f}
	cmd := &cobra.Command{
		Use:   "converge [SET...] [flags] MANIFEST",
		Short: "Bring many nodes to the state that a manifest declares",
		Long: `Bring many nodes to the state that a manifest declares. This program is brought to nodes that do not have it, the manifest with all of its folder to each
(but what begins with a dot), and removed afterwards. The facts and groups of the inventory hold on the nodes.

Exit codes: 0 where no node failed, 4 where a node failed or was not reached, and with --detailed-exitcode 2 or 6 where something changed.`,
		Example: "  apply fleet converge --on gluster main.hcl\n  apply fleet converge --batch 10% --max-failures 1 --plan site",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, errors.New("which manifest? give a MANIFEST, such as main.hcl"))
			}
			return c.run(cmd.Context(), args[:len(args)-1], args[len(args)-1])
		},
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
	s.StringArrayVar(&a.flags.reports, "report", nil, "write the joint report to `FILE`.json; may repeat")
	s.DurationVar(&f.timeout, "timeout", 2*time.Hour, "for each node, 0 for none")
	return cmd
}

func (c *fleetConverge) run(ctx context.Context, sets []string, path string) error {
	for _, r := range c.app.flags.reports {
		if !strings.HasSuffix(r, ".json") {
			return fmt.Errorf("--report %s: the report of a fleet is written as .json", r)
		}
	}
	nodes, dialer, err := c.selected(c.flags, sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	batch, err := nodeset.Share(c.batch, len(nodes))
	if err != nil || batch == 0 {
		return errors.Join(fmt.Errorf("--batch %s: want at least one node", c.batch), err)
	}
	if _, err := nodeset.Share(c.flags.minOK, len(nodes)); err != nil {
		return fmt.Errorf("--min-ok %w", err)
	}
	name, err := c.load(path)
	if err != nil {
		return err
	}
	c.lines = output.NewLines(c.stdout, isTerminal(c.stdout))
	ctx, end := interruptible(ctx)
	results := fleet.Each(ctx, nodes, fleet.Options{
		Dialer: dialer, Timeout: c.flags.timeout, Batch: batch, MaxFailures: c.maxFailures,
		Ended: func(r *fleet.Result) { c.ended(r, len(nodes)) },
	}, func(ctx context.Context, n fleet.Node, conn transport.Conn) (transport.Exit, error) {
		return c.node(ctx, n, conn, name)
	})
	number := end()
	if err := c.finish(c.flags, results, number); err != nil {
		return err
	}
	counts := c.total(results)
	c.exitCode(counts, number)
	if !c.app.flags.json {
		fmt.Fprintf(c.stdout, "%d nodes: %d changed, %d refreshed, %d pending, %d failed, %d skipped of %d resources\n",
			len(nodes), counts.Changed, counts.Refreshed, counts.Pending, counts.Failed, counts.Skipped, counts.Total)
	}
	return errors.Join(c.writeReports(results, counts), c.summary(results))
}

// load takes up the manifest and this program. It returns the manifest's name within its folder.
func (c *fleetConverge) load(path string) (name string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	dir := path
	if name = "."; !info.IsDir() {
		dir, name = filepath.Split(path)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if c.manifest, err = files.Tree(dir); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if c.program, err = files.NewBundle([]string{self}); err != nil {
		return "", err
	}
	f, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	c.hash = hex.EncodeToString(sum.Sum(nil))
	return name, nil
}

// haveLine prints where the program $1 belongs, and ends with 44 if it is not there whole.
const haveLine = `umask 077; d="${XDG_CACHE_HOME:-$HOME/.cache}/apply/bin"; mkdir -p "$d" || exit 1; echo "$d/apply-$1"
[ -f "$d/apply-$1" ] && echo "$1  $d/apply-$1" | sha256sum -c >/dev/null 2>&1 || exit 44`

// runScript receives a manifest, runs the program $1 in it and removes it. The arguments are in the file run: nothing of them is seen in the list of processes
// before the program itself.
const runScript = `set -eu
umask 077
stage=$(mktemp -d "$(dirname -- "$1")/../run.XXXXXXXXXX")
trap 'rm -rf -- "$stage"' EXIT
trap : HUP INT TERM PIPE
bin=$1
tar -xpof - -C "$stage"
cd -- "$stage"
sha256sum -c SUMS >/dev/null
. ./run
cd data
code=0
"$bin" "$@" </dev/null || code=$?
exit "$code"`

// node converges one node.
func (c *fleetConverge) node(ctx context.Context, n fleet.Node, conn transport.Conn, name string) (transport.Exit, error) {
	where := output.NewCapture(1)
	exit, err := conn.Run(ctx, transport.Command{Line: transport.Line([]string{"sh", "-c", haveLine, "have", c.hash}), Stdout: where})
	bin := strings.TrimSpace(string(where.Bytes()))
	switch {
	case err != nil:
		return exit, err
	case exit.Code == 44:
		if err := c.program.Put(ctx, conn, bin); err != nil {
			return exit, err
		}
	case exit.Code != 0 || bin == "":
		return exit, &fleet.JobError{Err: fmt.Errorf("the folder for this program cannot be made: exit code %d", exit.Code)}
	}
	bundle, err := c.bundle(n, name)
	if err != nil {
		return exit, &fleet.JobError{Err: err}
	}
	told := c.joint.New(n.Name)
	reader := &joint.Reader{Node: told}
	if c.app.flags.json {
		out := c.lines.Node("")
		defer out.Close()
		reader.Line = func(line []byte) { out.Write(append(line, '\n')) } // its error is kept by Lines
	} else {
		reader.Told = func(problem string) { fmt.Fprintf(c.lines.Node(""), "%s: %s\n", n.Name, problem) }
	}
	err = bundle.Send(ctx, conn, transport.Command{
		Line: transport.Line([]string{"sh", "-c", runScript, "run", bin}), Stdout: reader, Grace: time.Minute,
	})
	var failed *fleet.JobError
	if errors.As(err, &failed) && told.Problem() != "" {
		err = &fleet.JobError{Err: errors.New(told.Problem())}
	}
	return transport.Exit{}, err
}

// bundle is the manifest with what holds for one node.
func (c *fleetConverge) bundle(n fleet.Node, name string) (*files.Bundle, error) {
	var b strings.Builder
	export := func(key, value string) { fmt.Fprintf(&b, "export %s=%s\n", key, transport.Quote(value)) }
	for key, value := range n.Facts {
		export("APPLY_FACT_"+key, value)
	}
	if len(n.Groups) > 0 {
		export("APPLY_GROUP", strings.Join(n.Groups, ","))
	}
	for _, kv := range os.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(key, "APPLY_VAR_") && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			export(key, value)
		}
	}
	argv := []string{"--json"}
	if c.plan {
		argv = append(argv, "--noop")
	}
	f := &c.app.flags
	for _, list := range []struct {
		flag   string
		values []string
	}{{"--var", f.vars}, {"--tags", f.tags}, {"--skip-tags", f.skipTags}, {"--target", f.targets}} {
		for _, v := range list.values {
			argv = append(argv, list.flag, v)
		}
	}
	bundle := c.manifest
	for i, file := range f.varFiles {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		shipped := fmt.Sprintf("vars-%d%s", i, filepath.Ext(file))
		bundle = bundle.With(shipped, content)
		argv = append(argv, "--var-file", "../"+shipped)
	}
	b.WriteString("set --")
	for _, arg := range append(argv, name) {
		b.WriteString(" " + transport.Quote(arg))
	}
	b.WriteString("\n")
	return bundle.With("run", []byte(b.String())), nil
}

// ended tells of a node that is done.
func (c *fleetConverge) ended(r *fleet.Result, total int) {
	told := c.joint.Node(r.Node)
	told.Outcome, told.Code, told.DurationMS = string(r.Outcome), r.Code(), milliseconds(r.Took)
	if r.Err != nil {
		told.Error = r.Err.Error()
	}
	c.mu.Lock()
	c.done++
	done := c.done
	c.mu.Unlock()
	if c.app.flags.json {
		object := nodeObject(r)
		object["counts"] = told.Counts()
		if line, err := json.Marshal(object); err == nil {
			c.lines.Node("").Write(append(line, '\n'))
		}
		return
	}
	n := told.Counts()
	what := fmt.Sprintf("%d changed, %d refreshed, %d pending, %d failed of %d", n.Changed, n.Refreshed, n.Pending, n.Failed, n.Total)
	if n.Total == 0 && r.Outcome != fleet.OK {
		what = why(r)
	}
	fmt.Fprintf(c.lines.Node(""), "[%d/%d] %s: %s (%v)\n", done, total, r.Node, what, r.Took.Round(time.Millisecond))
}

// total sums the counts of all nodes.
func (c *fleetConverge) total(results []*fleet.Result) report.Counts {
	var t report.Counts
	for _, r := range results {
		n := c.joint.Node(r.Node).Counts()
		t.Total += n.Total
		t.Unchanged += n.Unchanged
		t.Changed += n.Changed
		t.Refreshed += n.Refreshed
		t.Pending += n.Pending
		t.Skipped += n.Skipped
		t.Failed += n.Failed
	}
	return t
}

// exitCode is that of a run: of a node that failed 4, whatever code its run ended with.
func (c *fleetConverge) exitCode(counts report.Counts, interrupted int) {
	if interrupted != 0 {
		return
	}
	if c.code != 0 {
		c.code = 4
	}
	if c.app.flags.detailed && counts.Changed+counts.Refreshed+counts.Pending > 0 {
		c.code |= 2
	}
}

// writeReports writes the joint report.
func (c *fleetConverge) writeReports(results []*fleet.Result, counts report.Counts) error {
	nodes := make([]*joint.Node, len(results))
	for i, r := range results {
		nodes[i] = c.joint.Node(r.Node)
		nodes[i].Outcome, nodes[i].Code = string(r.Outcome), r.Code()
		if r.Err != nil {
			nodes[i].Error = r.Err.Error()
		}
	}
	for _, file := range c.app.flags.reports {
		b, err := json.MarshalIndent(map[string]any{"nodes": nodes, "counts": counts, "code": c.code}, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
			return err
		}
	}
	return nil
}
