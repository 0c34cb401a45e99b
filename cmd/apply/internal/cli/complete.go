package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/resources"
)

// fewRuns is how many reports are read for the addresses in them.
const fewRuns = 5

// CompleteAddress completes the address of a resource, of those that the last runs had. No manifest is compiled for that: its facts may be programs.
func (a *App) CompleteAddress(_ *cobra.Command, _ []string, begun string) (found []string, _ cobra.ShellCompDirective) {
	state, err := a.KnownState()
	if err != nil || state == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ids, _ := state.Reports() // what cannot be read is none
	for _, id := range ids[:min(len(ids), fewRuns)] {
		var run struct {
			Results []struct {
				Address resources.Address `json:"address"`
			} `json:"results"`
		}
		_ = state.Report(id, &run)
		for _, r := range run.Results {
			if text := r.Address.String(); strings.HasPrefix(text, begun) {
				found = append(found, text)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), cobra.ShellCompDirectiveNoFileComp
}
