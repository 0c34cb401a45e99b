// Package history has the commands about what earlier runs left: which there were, why they changed a resource, and how to put back what they changed.
package history

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
)

// Commands are history, undo, confirm and why.
func Commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{historyCommand(a), undoCommand(a), confirmCommand(a), whyCommand(a)}
}

func historyCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:               "history [RUN]",
		Short:             "List the runs of this node, or show the report of one",
		Long:              "List the runs of this node, the last first, or show the report of one. Of its id the beginning will do that no other has.",
		Example:           "  apply history\n  apply history 01M80BQJE9GFMGFZJH661JWPSE",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: runIDs(a),
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := a.KnownState()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showRun(a, state, args[0])
			}
			return listRuns(a, state)
		},
	}
}

// runIDs completes the id of a run, the newest first.
func runIDs(a *cli.App) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		state, err := a.KnownState()
		if err != nil || state == nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		runs, _ := runsOf(a, state) // what cannot be read is none
		for _, l := range runs {
			ids = append(ids, cobra.CompletionWithDesc(l.Run, l.Started.Local().Format(time.DateTime)+" "+l.Manifest))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// Line is one run as history lists it.
type Line struct {
	Run         string         `json:"run"`
	Started     time.Time      `json:"started"`
	Manifest    string         `json:"manifest"`
	Commit      string         `json:"commit,omitempty"`
	Dirty       bool           `json:"dirty,omitempty"` // the work tree differed from the commit
	Outcome     report.Outcome `json:"outcome"`         // of one without a report unended or unreported
	Begun       int            `json:"begun,omitempty"` // of one without a report: resources that it began to change
	Counts      report.Counts  `json:"counts"`
	Interrupted int            `json:"interrupted,omitempty"` // the signal that ended it
	DurationMS  float64        `json:"duration_ms"`
}

// What is in the place of the outcome of a run without a report.
const (
	unended    = "unended"    // it died, or goes on
	unreported = "unreported" // its report could not be written
)

func listRuns(a *cli.App, state *journal.State) error {
	runs, err := runsOf(a, state)
	if err != nil {
		return err
	}
	if len(runs) == 0 && !a.JSON {
		fmt.Fprintln(a.Stderr, "apply: no run is on record")
	}
	w := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	for _, l := range runs {
		if a.JSON {
			if err := a.PrintJSON(l); err != nil {
				return err
			}
			continue
		}
		c := l.Counts
		how := fmt.Sprintf("%d changed, %d refreshed, %d failed of %d", c.Changed, c.Refreshed, c.Failed, c.Total)
		took := report.Took(l.DurationMS)
		if l.Interrupted != 0 {
			how += ", interrupted"
		}
		switch l.Outcome {
		case unended:
			how, took = fmt.Sprintf("has not ended: %d begun", l.Begun), ""
		case unreported:
			how, took = fmt.Sprintf("ended without a report: %d begun", l.Begun), ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n",
			l.Run, l.Started.Local().Format(time.DateTime), report.Printable(l.Manifest), (&report.Report{Commit: l.Commit, Dirty: l.Dirty}).Revision(), how, took)
	}
	return w.Flush()
}

// runsOf gathers the runs on record, the newest first; state may be nil.
func runsOf(a *cli.App, state *journal.State) ([]Line, error) {
	if state == nil {
		return nil, nil
	}
	ids, err := state.Reports()
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, id := range ids {
		r, err := state.Head(id)
		if err != nil {
			a.Warn(err)
			continue
		}
		out = append(out, Line{Run: r.Run, Started: r.Started, Manifest: r.Manifest, Commit: r.Commit, Dirty: r.Dirty, Outcome: r.Outcome, Counts: r.Counts, Interrupted: r.Interrupted, DurationMS: r.DurationMS})
	}
	others, err := state.Unreported()
	for _, u := range others {
		l := Line{Run: u.ID, Started: u.Started, Manifest: u.Manifest, Outcome: unended, Begun: u.Begun}
		if u.Ended {
			l.Outcome = unreported
		}
		if u.Undoes != "" {
			l.Manifest = undo.Name(u.Undoes)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Line) int { return strings.Compare(b.Run, a.Run) })
	return out, err
}

func showRun(a *cli.App, state *journal.State, id string) error {
	if state == nil {
		return fmt.Errorf("no run %s is on record: there is no state folder", id)
	}
	id, err := state.Find(id)
	if err != nil {
		return err
	}
	others, err := state.Unreported()
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(others, func(u journal.Unreported) bool { return u.ID == id }); i >= 0 {
		why := "has not ended: it died, or goes on, and there is no report of it"
		if others[i].Ended {
			why = "ended, and its report could not be written"
		}
		return fmt.Errorf("run %s %s; apply undo --list %s lists what it changed", id, why, id)
	}
	var r report.Report
	if err := state.Report(id, &r); err != nil {
		return err
	}
	return a.Print(&r)
}
