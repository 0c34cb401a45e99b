package converge

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/joint/page"
	"github.com/nodeapply/apply/report"
)

// told sums up, writes the report files and sets the exit code.
func (c *convergence) told(results []*fleet.Result, interrupted int) error {
	if err := c.Finish(results, interrupted); err != nil {
		return err
	}
	c.Ran = true
	n := c.joint.Total()
	if interrupted == 0 {
		if c.Code != 0 {
			c.Code = cli.Failed // of a node that failed, whatever code its run ended with
		}
		switch {
		case c.Code == 0:
		case c.refused(results):
			c.Code = cli.NotStarted
		case !slices.ContainsFunc(results, func(r *fleet.Result) bool { return r.Code() != cli.Locked }):
			c.Code = cli.Locked // and nothing was touched on any
		}
		if c.detailed && n.Changed+n.Refreshed+n.Pending > 0 {
			c.Code |= cli.Changed
		}
	}
	c.joint.Code, c.joint.Counts = c.Code, n
	return errors.Join(c.Told(c.print(results, n)), c.saveReports(), c.Summary(results))
}

// print prints what all of it came to, after what was told while it went on: where any of that could not be printed, its error says so.
func (c *convergence) print(results []*fleet.Result, n report.Counts) error {
	if c.JSON {
		return nil // Summary does
	}
	if c.plan || c.Verbose {
		if err := c.changes(results); err != nil {
			return err
		}
	}
	if err := c.lines.Line(fmt.Sprintf("%d nodes: %d changed, %d refreshed, %d pending, %d failed, %d skipped of %d resources",
		len(results), n.Changed, n.Refreshed, n.Pending, n.Failed, n.Skipped, n.Total)); err != nil {
		return err
	}
	return c.longestWaits()
}

// refused says that the manifest, or what is asked of it, is wrong for every node that could say so: no run was begun.
func (c *convergence) refused(results []*fleet.Result) bool {
	any := false
	for _, r := range results {
		told := c.joint.Node(r.Node)
		if told.Run != "" {
			return false
		}
		any = any || told.Refused() || r.Code() == cli.NotStarted
	}
	return any
}

// longestWaits prints the waits between nodes that took longest.
func (c *convergence) longestWaits() error {
	const most, least = 5, 1000
	waits := slices.DeleteFunc(slices.Clone(c.joint.Waits), func(w joint.Wait) bool { return w.DurationMS < least })
	slices.SortStableFunc(waits, func(a, b joint.Wait) int { return int(b.DurationMS - a.DurationMS) })
	for _, w := range waits[:min(most, len(waits))] {
		line := fmt.Sprintf("%s: wait.%s took %s for %s", w.Node, w.Wait, report.Took(w.DurationMS), w.Fact)
		if len(w.For) > 0 {
			line += ", last of " + slices.MaxFunc(w.For, func(a, b joint.For) int { return int(a.AtMS*1000) - int(b.AtMS*1000) }).Node
		}
		if err := c.lines.Line(report.Printable(line)); err != nil {
			return err
		}
	}
	return nil
}

// saveReports writes the files of the joint report.
func (c *convergence) saveReports() error {
	return c.WriteReports(cli.ReportWriters{
		".json": func(w io.Writer, _ string) error { return joint.WriteJSON(w, &c.joint) },
		".xml":  func(w io.Writer, _ string) error { return joint.WriteJUnit(w, &c.joint) },
		".html": func(w io.Writer, _ string) error { return page.Write(w, &c.joint) },
		".prom": func(w io.Writer, _ string) error { return joint.WritePrometheus(w, &c.joint) },
	})
}
