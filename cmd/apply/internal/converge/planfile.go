package converge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/outfile"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/planfile"
	"github.com/nodeapply/apply/source"
)

// savePlan writes a plan to a file, whole or not at all.
func (r *Runner) savePlan(name string, from source.Source, rep *report.Report) error {
	ref := from.Ref
	from, err := origin.Fixed(from, rep.Commit)
	if err != nil {
		return err
	}
	sources, err := origin.Sum(from)
	if err != nil {
		return err
	}
	varFiles, err := absolute(r.VarFiles)
	if err != nil {
		return err
	}
	factDirs, err := absolute(r.FactDirs)
	if err != nil {
		return err
	}
	node, _ := os.Hostname() // a node may have none
	text, err := planfile.Encode(planfile.Plan{
		Node: node, Machine: machineID(), Manifest: from.String(), Ref: ref, Sources: sources,
		Vars: r.Vars, Environ: r.Given(), VarFiles: varFiles, FactDirs: factDirs, Tags: r.tags, SkipTags: r.skipTags, Targets: r.targets, Results: rep.Results,
	})
	if err != nil {
		return err
	}
	return outfile.WriteBytes(name, 0o600, text)
}

func absolute(names []string) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		var err error
		if out[i], err = filepath.Abs(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// machineID is the node's identity, "" where it has none.
func machineID() string {
	b, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// readPlan reads a saved plan and checks that it is of this node and of the manifest as it is now.
func readPlan(name string) (*planfile.Plan, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...))
	}
	b, err := limits.ReadFile(limits.Host{}, name, planfile.MaxSize)
	if err != nil {
		return nil, err
	}
	p, err := planfile.Decode(b)
	if err != nil {
		return nil, wrong("%w", err)
	}
	node, _ := os.Hostname()
	if id := machineID(); p.Machine != id || p.Node != node {
		return nil, wrong("was made on node %s (machine %s), and this is node %s (machine %s); plan here again", p.Node, p.Machine, node, id)
	}
	src, err := source.Parse(p.Manifest)
	if err != nil {
		return nil, wrong("%w", err)
	}
	sources, err := origin.Sum(src)
	if err != nil {
		return nil, wrong("its manifest: %w", err)
	}
	if sources != p.Sources {
		return nil, wrong("its manifest %s has changed since; plan again", p.Manifest)
	}
	return p, nil
}

// applyPlan converges to just what a saved plan says.
func (r *Runner) applyPlan(cmd *cobra.Command, name string) error {
	p, err := readPlan(name)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		flag        string
		given, kept []string
	}{{"tags", r.tags, p.Tags}, {"skip-tags", r.skipTags, p.SkipTags}, {"target", r.targets, p.Targets}} {
		if len(f.given) > 0 && !slices.Equal(f.given, f.kept) { // more would change than was asked for
			return fmt.Errorf("%s: --%s does not narrow a saved plan; plan again with it", name, f.flag)
		}
	}
	for _, flag := range []string{"var", "var-file", "facts-dir"} {
		if cmd.Flags().Changed(flag) {
			r.Note(fmt.Sprintf("--%s does not count: a saved plan has its own", flag))
		}
	}
	r.Vars, r.Environ, r.VarFiles, r.FactDirs, r.tags, r.skipTags, r.targets = p.Vars, p.Environ, p.VarFiles, p.FactDirs, p.Tags, p.SkipTags, p.Targets
	r.Saved = true
	ctx, signals := r.Catch(cmd.Context())
	defer signals.End()
	m, err := r.loadPlanned(ctx, p)
	if err != nil {
		return err
	}
	return r.Bring(ctx, signals, m, p.Approver())
}

// loadPlanned compiles the manifest of a saved plan.
func (r *Runner) loadPlanned(ctx context.Context, p *planfile.Plan) (*load.Manifest, error) {
	src, err := source.Parse(p.Manifest)
	if err != nil {
		return nil, err
	}
	m, err := r.Load(ctx, src)
	if r.Signers == "" || p.Ref == "" || !errors.Is(err, source.ErrUntrusted) {
		return m, err
	}
	src.Ref = p.Ref // it may be the tag that was signed
	if m, err = r.Load(ctx, src); err == nil && m.Origin.Commit != p.Sources {
		return nil, fmt.Errorf("%s is %w: it %w: it was planned at commit %s, it is now %s", src, source.ErrUntrusted, source.ErrMoved, p.Sources, m.Origin.Commit)
	}
	return m, err
}
