// Package history has the commands about what earlier runs left: which there were, why they changed a resource, and how to put back what they changed.
package history

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
)

// Commands are history, undo, confirm and why.
func Commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{historyCommand(a), undoCommand(a), confirmCommand(a), whyCommand(a)}
}

func historyCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:     "history [RUN]",
		Short:   "List the runs of this node, or show the report of one",
		Example: "  apply history\n  apply history 01M80BQJE9GFMGFZJH661JWPSE",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := a.OpenState()
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

// Line is one run as history lists it.
type Line struct {
	Run        string         `json:"run"`
	Started    time.Time      `json:"started"`
	Manifest   string         `json:"manifest"`
	Commit     string         `json:"commit,omitempty"`
	Outcome    report.Outcome `json:"outcome"`
	Counts     report.Counts  `json:"counts"`
	DurationMS float64        `json:"duration_ms"`
}

func listRuns(a *cli.App, state *journal.State) error {
	ids, err := state.Reports()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	for _, id := range ids {
		var r report.Report
		if err := state.Report(id, &r); err != nil {
			fmt.Fprintf(a.Stderr, "apply: %v\n", err)
			continue
		}
		c := r.Counts()
		line := Line{r.Run, r.Started, r.Manifest, r.Commit, r.Outcome(), c, r.DurationMS}
		if a.JSON {
			if err := json.NewEncoder(a.Stdout).Encode(line); err != nil {
				return err
			}
			continue
		}
		commit := r.Commit
		if len(commit) > 12 {
			commit = commit[:12]
		}
		took := time.Duration(r.DurationMS * float64(time.Millisecond)).Round(time.Millisecond)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d changed, %d refreshed, %d failed of %d\t%v\n",
			r.Run, r.Started.Local().Format(time.DateTime), report.Printable(r.Manifest), commit, c.Changed, c.Refreshed, c.Failed, c.Total, took)
	}
	return w.Flush()
}

func showRun(a *cli.App, state *journal.State, id string) error {
	var r report.Report
	if err := state.Report(id, &r); err != nil {
		return err
	}
	return a.Print(&r)
}
