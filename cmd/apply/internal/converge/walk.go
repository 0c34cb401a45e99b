package converge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/interrupt"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal/memory"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/nearest"
)

// walk plans or converges, prints, writes reports and sets the exit code. Without a report nothing was touched.
func (r *Runner) walk(
	ctx context.Context, signals *interrupt.Signals, m *load.Manifest, mem *memory.Memory, do func(context.Context, engine.Options) (*report.Report, error), o engine.Options,
) (*report.Report, error) {
	var err error
	if o.Targets, err = r.addresses(); err != nil {
		return nil, err
	}
	o.Log = r.Logger()
	if r.timeout > 0 {
		var cancel context.CancelFunc
		after := time.Duration(r.timeout)
		ctx, cancel = context.WithTimeoutCause(ctx, after, &engine.TimeoutError{After: after})
		defer cancel()
	}
	o.Node = m.Node
	p := r.Printer()
	r.Note(r.unknownTags(m.Catalog())...)
	o.Events = &finisher{Printer: p, runner: r, signals: signals, manifest: m, memory: mem}
	o.Commit, o.Dirty, o.Drifted, o.Secret = m.Origin.Commit, m.Origin.Dirty, mem.Drifted, mem.Secret
	o.Stop = signals.Stop()
	o.Parallel, o.Tags, o.SkipTags, o.FailFast, o.Strict = r.workers(), r.tags, r.skipTags, r.failFast, r.strict
	rep, err := do(ctx, o)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	r.Ran, r.Code = true, rep.ExitCode(r.detailed)
	return rep, errors.Join(cli.Unread(p.Close()), r.SaveReports(rep))
}

// unknownTags tells of tags that choose nothing.
func (r *Runner) unknownTags(c *catalog.Catalog) []string {
	if len(r.tags)+len(r.skipTags) == 0 {
		return nil
	}
	all, own := map[string]bool{}, map[string]bool{}
	for _, e := range c.Entries() {
		for _, t := range selection.Tags(e) {
			all[t] = true
		}
		for _, t := range e.Tags {
			own[t] = true
		}
	}
	var out []string
	for _, t := range slices.Concat(r.tags, r.skipTags) {
		if all[t] {
			continue
		}
		text := fmt.Sprintf("no resource has the tag %q", t)
		if near := nearest.Of(t, slices.Sorted(maps.Keys(all))); near != "" {
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

// addresses parses --target.
func (r *Runner) addresses() ([]resources.Address, error) {
	var out []resources.Address
	for _, t := range r.targets {
		addr, err := address.Parse(t)
		if err != nil {
			return nil, fmt.Errorf("--target %s: %w", t, err)
		}
		out = append(out, addr)
	}
	return out, nil
}

// finisher completes the report before the printer sees the end.
type finisher struct {
	cli.Printer
	runner   *Runner
	signals  *interrupt.Signals
	manifest *load.Manifest
	memory   *memory.Memory
}

// End adds what the engine cannot know.
func (f *finisher) End(rep *report.Report) {
	r := f.runner
	rep.Interrupted = f.signals.Number()
	rep.Orphans = f.memory.Orphans()
	rep.Source, rep.Ref = f.manifest.Origin.Source, f.manifest.Origin.Ref
	rep.Partial = len(r.tags)+len(r.skipTags)+len(r.targets) > 0
	rep.Warnings = append(rep.Warnings, r.TakeWarnings()...)
	if r.onPlan != nil && rep.Interrupted == 0 {
		r.onPlan(rep)
	}
	f.Printer.End(rep)
}
