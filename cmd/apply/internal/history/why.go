package history

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/reasons"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/nearest"
	"github.com/nodeapply/apply/source"
)

func whyCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	cmd := &cobra.Command{
		Use:   "why [flags] ADDRESS [PATH]",
		Short: "Say why a resource changed, or would change now",
		Long: `Say why a resource changed in the last run that did not leave it unchanged, and whether it would change now: which attribute, of which facts,
variables and other resources its value is made, on which line, and who notified whom. A module's address (module.web) stands for all that is in it.
PATH is the manifest (default: that of the last run with this resource).`,
		Example: "  apply why service.glusterd\n  apply why 'file[\"/etc/hosts\"]' main.hcl",
		Args:    cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault // the manifest
			}
			return a.CompleteAddress(cmd, args, begun)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			addr, err := address.Parse(args[0])
			if err != nil {
				return usage.Error(cmd, fmt.Errorf("%s: %w", args[0], err))
			}
			return why(cmd, l, addr, args[1:])
		},
	}
	l.AddFlags(cmd.Flags())
	return cmd
}

func why(cmd *cobra.Command, l *load.Loader, addr resources.Address, path []string) error {
	ctx, signals := l.Catch(cmd.Context())
	defer signals.End()
	state, err := l.KnownState()
	l.Warn(err)
	var m *load.Manifest
	of := "" // the source of the manifest that is asked for
	if len(path) > 0 || l.Git != "" {
		if m, err = l.Named(ctx, cmd, path); err != nil {
			return err
		}
		of = m.Origin.Source
	}
	last, changed := reportsOf(state, addr, of)
	if m == nil {
		m, err = manifestOf(ctx, l, last)
	}
	switch {
	case err == nil:
	case changed == nil || ctx.Err() != nil:
		return err
	default: // nobody has asked for this manifest: what is on record can be told without it
		l.Warn(fmt.Errorf("what would change now is not known (give the PATH of its manifest, with its --var): %w", err))
	}
	var cat *catalog.Catalog
	var plan *report.Report
	if m != nil {
		cat = m.Catalog()
		if len(cat.Find(addr)) > 0 {
			past := l.Past(m)
			plan, err = m.Plan(ctx, engine.Options{
				Choice: selection.Choice{Targets: []resources.Address{addr}}, Parallel: runtime.NumCPU(), Stop: signals.Stop(),
				Drifted: past.Memory.Drifted, Secret: past.Memory.Secret, Owed: past.Owed,
			})
			if err != nil {
				return err
			}
		}
	}
	var events []reasons.Event
	for _, r := range []*report.Report{changed, plan} {
		if r != nil {
			events = append(events, reasons.Find(addr, r, cat)...)
		}
	}
	if len(events) == 0 {
		return unheardOf(addr, last, cat)
	}
	return printReasons(l.App, events)
}

// reportsOf finds the last run with a resource, and the last one of the same manifest that did not leave it unchanged: in another one its address is that of
// another resource. The manifest is that of a source, if one is given. State may be nil.
func reportsOf(state *journal.State, addr resources.Address, of string) (last, changed *report.Report) {
	if state == nil {
		return nil, nil
	}
	ids, err := state.Reports()
	if err != nil {
		return nil, nil
	}
	for _, id := range ids {
		head, err := state.Head(id)
		if err != nil || head.Source == "" || of != "" && head.Source != of {
			continue
		}
		var r report.Report
		if state.Report(id, &r) != nil {
			continue
		}
		for _, res := range r.Results {
			if !reasons.Covers(addr, res.Address) {
				continue
			}
			if last == nil {
				last, of = &r, r.Source
			}
			if res.Outcome != report.Unchanged {
				return last, &r
			}
		}
	}
	return last, nil
}

// manifestOf compiles the manifest of a report as it is now; nil if there is no report.
func manifestOf(ctx context.Context, l *load.Loader, last *report.Report) (*load.Manifest, error) {
	if last == nil {
		return nil, nil
	}
	src, err := source.Parse(last.Source)
	if err != nil {
		return nil, err
	}
	if src.Git() {
		src.Ref = last.Ref
		return l.Load(ctx, src)
	}
	c := l.Checkouts(origin.Options{})
	o, err := c.Find(ctx, src)
	if err != nil {
		return nil, err
	}
	o.Name, o.Shown = last.Manifest, last.Manifest
	return l.Compile(ctx, c, o)
}

func unheardOf(addr resources.Address, last *report.Report, cat *catalog.Catalog) error {
	if last != nil {
		return fmt.Errorf("%s has not changed in any run on record, and its manifest no longer declares it", addr)
	}
	if cat == nil {
		return fmt.Errorf("%s: no run with it is on record; give the PATH of its manifest", addr)
	}
	var names []string
	for _, e := range cat.Entries() {
		names = append(names, e.Addr.String())
	}
	if near := nearest.Of(addr.String(), names); near != "" {
		return fmt.Errorf("%s is not declared; did you mean %s?", addr, near)
	}
	return fmt.Errorf("%s is not declared", addr)
}

// printReasons prints reasons, as text or one JSON object a line.
func printReasons(a *cli.App, events []reasons.Event) error {
	if a.JSON {
		for _, e := range events {
			if err := a.PrintJSON(e); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range events {
		if _, err := io.WriteString(a.Stdout, a.Scrub.Scrub(e.Text())); err != nil {
			return err
		}
	}
	return nil
}
