package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// load compiles the manifest at path with what the flags and the environment give.
func (a *app) load(ctx context.Context, path string) (*apply.Manifest, error) {
	vars, err := a.variables()
	if err != nil {
		return nil, err
	}
	h, err := a.node()
	if err != nil {
		return nil, err
	}
	known, err := a.facts(h)
	if err != nil {
		return nil, err
	}
	m, err := apply.Load(ctx, path, apply.Options{Host: h, Vars: vars, Facts: known, Scrub: &a.flags.scrub})
	a.warnings = known.Warnings()
	a.printWarnings()
	if err != nil {
		return nil, err
	}
	if len(m.Warnings) > 0 && !a.flags.json {
		a.printDiagnostics(m.Warnings)
	}
	return m, nil
}

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
		Args:    onePath,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.plan(cmd, args[0]) },
	}
	a.flags.compile(cmd.Flags())
	a.flags.run(cmd.Flags())
	return cmd
}

func (a *app) plan(cmd *cobra.Command, path string) error {
	ctx, signals := a.catch(cmd.Context())
	defer signals.end()
	m, err := a.load(ctx, path)
	if err != nil {
		return err
	}
	return a.walk(ctx, signals, m, m.Plan)
}

func (a *app) converge(cmd *cobra.Command, path string) error {
	if a.flags.noop {
		return a.plan(cmd, path)
	}
	ctx, signals := a.catch(cmd.Context())
	defer signals.end()
	m, err := a.load(ctx, path)
	if err != nil {
		return err
	}
	state, err := a.openState()
	if err != nil {
		return err
	}
	if err := state.Lock(ctx, a.flags.waitLock); err != nil {
		return err
	}
	defer state.Close()
	return a.walk(ctx, signals, m, m.Converge)
}

func (a *app) openState() (*journal.State, error) {
	dir := a.flags.stateDir
	if dir == "" {
		var err error
		if dir, err = journal.DefaultDir(a.env); err != nil {
			return nil, err
		}
	}
	return journal.OpenState(dir)
}

// walk plans or converges, prints, writes the reports and sets the exit code.
func (a *app) walk(ctx context.Context, signals *interrupts, m *apply.Manifest, do func(context.Context, engine.Options) (*report.Report, error)) error {
	targets, err := a.targets()
	if err != nil {
		return err
	}
	if a.flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, a.flags.timeout, &engine.TimeoutError{After: a.flags.timeout})
		defer cancel()
	}
	node, _ := os.Hostname() // a node without a name still converges
	p := a.printer()
	ending := &finisher{printer: p, signals: signals, warnings: a.warnings}
	rep, err := do(ctx, engine.Options{
		Run: report.NewRunID(time.Now()), Node: node, Parallel: a.flags.parallel, Tags: a.flags.tags, SkipTags: a.flags.skipTags, Targets: targets,
		FailFast: a.flags.failFast, Strict: a.flags.strict, Stop: signals.stop, Events: ending,
	})
	if err != nil {
		return err
	}
	a.code = rep.ExitCode(a.flags.detailed)
	return p.Err()
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
	warnings []string
}

// End adds what the engine cannot know.
func (f *finisher) End(r *report.Report) {
	r.Interrupted = int(f.signals.number.Load())
	r.Warnings = append(r.Warnings, f.warnings...)
	f.printer.End(r)
}
