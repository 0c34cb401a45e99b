package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/memory"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/source"
)

// variables gathers the values of the root module's variables; later ones win.
func (a *app) variables() ([]manifest.VarSource, error) {
	var vars []manifest.VarSource
	for _, kv := range os.Environ() {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, "APPLY_VAR_") {
			vars = append(vars, manifest.VarSource{Name: strings.TrimPrefix(name, "APPLY_VAR_"), Value: value, Origin: name, Optional: true})
		}
	}
	for _, file := range a.flags.varFiles {
		vars = append(vars, manifest.VarSource{File: file, Origin: "--var-file " + file})
	}
	for _, kv := range a.flags.vars {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--var %q: want NAME=VALUE", kv)
		}
		vars = append(vars, manifest.VarSource{Name: name, Value: value, Origin: "--var " + name})
	}
	return vars, nil
}

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plan [flags] PATH",
		Short:   "Say what would change, and how sure that is; change nothing",
		Example: "  apply plan main.hcl\n  apply plan --detailed-exitcode --json main.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := a.source(cmd, args)
			if err != nil {
				return err
			}
			return a.plan(cmd, src)
		},
	}
	a.flags.compile(cmd.Flags())
	a.flags.run(cmd.Flags())
	cmd.Flags().StringVar(&a.flags.planOut, "out", "", "save the plan to `FILE`.plan; apply FILE.plan then makes just these changes")
	return cmd
}

func (a *app) plan(cmd *cobra.Command, src source.Source) error {
	if out := a.flags.planOut; out != "" && !strings.HasSuffix(out, planSuffix) {
		return usageError(cmd, fmt.Errorf("--out %s: the name of a saved plan ends in %s", out, planSuffix))
	}
	ctx, signals := a.catch(cmd.Context())
	defer signals.end()
	m, err := a.load(ctx, src)
	if err != nil {
		return err
	}
	rep, err := a.planOf(ctx, signals, m)
	if rep == nil || a.flags.planOut == "" {
		return err
	}
	return errors.Join(err, a.savePlan(a.flags.planOut, src, rep))
}

// planOf plans a manifest.
func (a *app) planOf(ctx context.Context, signals *interrupts, m *loaded) (*report.Report, error) {
	mem := a.remember(a.knownState(), m)
	if err := signals.begin(); err != nil {
		return nil, err
	}
	return a.walk(ctx, signals, m, mem, m.Plan, engine.Options{})
}

func (a *app) converge(cmd *cobra.Command, src source.Source) error {
	switch {
	case a.flags.noop:
		return a.plan(cmd, src)
	case strings.HasSuffix(src.Path, planSuffix):
		return a.applyPlan(cmd, src.Path)
	}
	return a.convergeTo(cmd, src, nil)
}

// convergeTo brings the node to a manifest. Approve, if set, is asked about what is to be changed.
func (a *app) convergeTo(cmd *cobra.Command, src source.Source, approve func(*report.Result) error) error {
	ctx, signals := a.catch(cmd.Context())
	defer signals.end()
	m, err := a.load(ctx, src)
	if err != nil {
		return err
	}
	return a.bring(ctx, signals, m, approve)
}

// bring converges under the lock, on record.
func (a *app) bring(ctx context.Context, signals *interrupts, m *loaded, approve func(*report.Result) error) error {
	state, err := a.openState()
	if err != nil {
		return err
	}
	if err := state.Lock(ctx, a.flags.waitLock); err != nil {
		return err
	}
	defer func() { a.warn(state.Close()) }()
	if err := signals.begin(); err != nil {
		return err
	}
	id := report.NewRunID(time.Now())
	run, warnings, err := state.Begin(id, m.host.Token(), "", time.Now())
	if err != nil {
		return err
	}
	defer func() { a.warn(run.Close()) }()
	warnings = append(warnings, run.Sweep(ctx, m.host)...)
	if a.flags.confirmWithin > 0 {
		if err := a.arm(ctx, state, m.host, id); err != nil {
			return err
		}
	}
	a.note(warnings...)
	mem := a.remember(state, m)
	rep, err := a.walk(ctx, signals, m, mem, m.Converge, engine.Options{Run: id, Recorder: run, Approve: approve})
	if rep == nil {
		return err
	}
	a.warn(mem.Save(state, rep))
	a.warn(state.SaveReport(id, rep))
	a.warn(state.Prune(time.Now()))
	return errors.Join(err, a.keepOrConfirm(ctx, state, m.host, rep))
}

// remember reads what is known of earlier runs from a manifest's source; state may be nil.
func (a *app) remember(state *journal.State, m *loaded) *memory.Memory {
	return memory.Read(state, memory.Manifest{
		Source: m.origin.Source, Catalog: m.Catalog(), Reader: declared.Reader{Rewrite: m.checkouts.Rewrite}, Fleeting: m.checkouts.Has, Warn: func(text string) { a.note(text) },
	})
}

func (a *app) openState() (*journal.State, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return journal.OpenState(dir)
}

func (a *app) stateDir() (string, error) {
	if a.flags.stateDir != "" {
		return a.flags.stateDir, nil
	}
	return journal.DefaultDir(a.env)
}

// knownState opens the state folder if there is one that can be read: a plan makes none.
func (a *app) knownState() *journal.State {
	dir, err := a.stateDir()
	if err != nil {
		return nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	state, err := journal.OpenState(dir)
	if err != nil {
		return nil
	}
	return state
}

// walk plans or converges, prints, writes reports and sets the exit code. Without a report nothing was touched.
func (a *app) walk(
	ctx context.Context, signals *interrupts, m *loaded, mem *memory.Memory, do func(context.Context, engine.Options) (*report.Report, error), o engine.Options,
) (*report.Report, error) {
	var err error
	if o.Targets, err = a.targets(); err != nil {
		return nil, err
	}
	if o.Log, err = a.logger(); err != nil {
		return nil, err
	}
	if a.flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, a.flags.timeout, &engine.TimeoutError{After: a.flags.timeout})
		defer cancel()
	}
	o.Node, _ = os.Hostname() // a node without a name still converges
	p := a.printer()
	a.note(a.unknownTags(m.Catalog())...)
	o.Events = &finisher{printer: p, signals: signals, manifest: m, memory: mem, partial: len(a.flags.tags)+len(a.flags.skipTags)+len(a.flags.targets) > 0, warnings: a.takeWarnings}
	o.Commit, o.Dirty, o.Drifted = m.origin.Commit, m.origin.Dirty, mem.Drifted
	o.Stop = signals.stop
	o.Parallel, o.Tags, o.SkipTags, o.FailFast, o.Strict = a.flags.parallel, a.flags.tags, a.flags.skipTags, a.flags.failFast, a.flags.strict
	rep, err := do(ctx, o)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	a.ran, a.code = true, rep.ExitCode(a.flags.detailed)
	if err = p.Close(); errors.Is(err, syscall.EPIPE) {
		err = nil // who reads the output has seen enough
	}
	return rep, errors.Join(err, a.saveReports(rep))
}

// unknownTags tells of tags that choose nothing.
func (a *app) unknownTags(c *catalog.Catalog) []string {
	if len(a.flags.tags)+len(a.flags.skipTags) == 0 {
		return nil
	}
	all, own := map[string]bool{}, map[string]bool{}
	for _, e := range c.Entries() {
		for _, t := range engine.Tags(e) {
			all[t] = true
		}
		for _, t := range e.Tags {
			own[t] = true
		}
	}
	var out []string
	for _, t := range slices.Concat(a.flags.tags, a.flags.skipTags) {
		if all[t] {
			continue
		}
		text := fmt.Sprintf("no resource has the tag %q", t)
		if near := resources.Nearest(t, slices.Sorted(maps.Keys(all))); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		} else if len(own) > 0 {
			text += "; there are " + strings.Join(slices.Sorted(maps.Keys(own)), ", ") + ", types, titles and names of modules"
		} else {
			text += "; none declares tags: there are types, titles and names of modules"
		}
		out = append(out, text)
	}
	return out
}

// targets parses --target.
func (a *app) targets() ([]resources.Address, error) {
	var out []resources.Address
	for _, t := range a.flags.targets {
		addr, err := resources.ParseAddress(t)
		if err != nil {
			return nil, fmt.Errorf("--target %s: %w", t, err)
		}
		out = append(out, addr)
	}
	return out, nil
}

// finisher completes the report before the printer sees the end.
type finisher struct {
	printer
	signals  *interrupts
	manifest *loaded
	memory   *memory.Memory
	partial  bool // not all of the manifest was asked for
	warnings func() []string
}

// End adds what the engine cannot know.
func (f *finisher) End(r *report.Report) {
	r.Interrupted = int(f.signals.number.Load())
	r.Orphans = f.memory.Orphans()
	r.Source, r.Ref, r.Partial = f.manifest.origin.Source, f.manifest.origin.Ref, f.partial
	r.Warnings = append(r.Warnings, f.warnings()...)
	f.printer.End(r)
}
