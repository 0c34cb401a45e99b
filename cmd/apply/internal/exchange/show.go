package exchange

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/report"
)

// printNodes prints the nodes of a deployment: as a table, or as JSON, an object a line.
func printNodes(ctx context.Context, w io.Writer, x *exchange.Exchange, asJSON bool) error {
	v, err := x.Snapshot(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		for _, s := range verdict.Summaries(v) {
			if err := cli.WriteJSON(w, s); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tRUN\tGROUPS\tFACTS\tWAITS FOR")
	for _, s := range verdict.Summaries(v) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", s.Name, cell(runOf(s)), strings.Join(s.Groups, ","), len(s.Facts), cell(waitsOf(s)))
	}
	return t.Flush()
}

// cell is a text in a table, whose columns end with tabs.
func cell(s string) string { return strings.ReplaceAll(report.Printable(s), "\t", `\t`) }

func runOf(s verdict.Summary) string {
	for _, what := range []string{s.Failed, s.Doing} {
		if what != "" {
			return s.State + ": " + what
		}
	}
	return s.State
}

func waitsOf(s verdict.Summary) string {
	var out []string
	for _, w := range s.Waits {
		if w.Active {
			out = append(out, w.Text)
		}
	}
	return strings.Join(out, "; ")
}

// printFacts prints the facts of one node. A node that has written nothing is an error.
func printFacts(ctx context.Context, w io.Writer, x *exchange.Exchange, node string, asJSON bool) error {
	if err := name.Node(node); err != nil {
		return err
	}
	v, err := x.Snapshot(ctx)
	if err != nil {
		return err
	}
	for _, s := range verdict.Summaries(v) {
		if s.Name != node {
			continue
		}
		if asJSON {
			return cli.WriteJSON(w, s.Facts)
		}
		for _, f := range v.Facts(node) {
			if _, err := fmt.Fprintf(w, "%s = %s\n", f, factText(s.Facts[f])); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("node %s: %w", node, store.ErrNotFound)
}

func factText(f verdict.FactSummary) string {
	if f.Status == "ok" {
		return report.Printable(string(f.Value))
	}
	text := "(" + f.Status
	if f.Reason != "" {
		text += ": " + report.Printable(f.Reason)
	}
	return text + ")"
}

// printChanges prints every change of a fact or a run, a line each, until the context ends; that is no error.
func printChanges(ctx context.Context, w io.Writer, x *exchange.Exchange, asJSON bool) error {
	told := map[string]map[string]string{} // by node
	for v, err := range x.Follow(ctx) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		now := verdict.Summaries(v)
		for _, n := range slices.Sorted(maps.Keys(told)) {
			if !slices.ContainsFunc(now, func(s verdict.Summary) bool { return s.Name == n }) {
				now = append(now, verdict.Summary{Name: n, State: "gone"})
			}
		}
		for _, s := range now {
			if err := tell(w, told, s, asJSON); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell prints what has changed of a node since it was told.
func tell(w io.Writer, told map[string]map[string]string, s verdict.Summary, asJSON bool) error {
	run := runOf(s)
	if waits := waitsOf(s); waits != "" {
		run += ", waits for " + waits
	}
	lines := map[string]string{s.Name: run}
	for f := range s.Facts {
		lines[s.Name+" "+f] = factText(s.Facts[f])
	}
	for key := range told[s.Name] {
		if lines[key] == "" && s.State != "gone" {
			lines[key] = "(gone)"
		}
	}
	changed := false
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		if told[s.Name][key] == lines[key] {
			continue
		}
		changed = true
		if !asJSON {
			sep := " = "
			if key == s.Name {
				sep = ": "
			}
			if _, err := fmt.Fprintln(w, key+sep+report.Printable(lines[key])); err != nil {
				return err
			}
		}
	}
	if told[s.Name] = lines; s.State == "gone" {
		delete(told, s.Name)
	}
	if changed && asJSON {
		return cli.WriteJSON(w, s)
	}
	return nil
}
