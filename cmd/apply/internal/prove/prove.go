// Package prove rehearses a manifest in a sandbox of this node: is a second run without effect, does the order of what has no order matter, and can it be
// killed at any step?
package prove

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/sandbox"
	"github.com/nodeapply/apply/sandbox/model"
	"github.com/nodeapply/apply/source"
)

// Command is apply prove.
func Command(a *cli.App) *cobra.Command {
	l := load.New(a)
	orders, seed := cli.Count(8), uint64(1)
	cmd := &cobra.Command{
		Use:   "prove [flags] PATH",
		Short: "Rehearse a manifest in a sandbox: idempotent? independent of order? safe to kill?",
		Long: `Rehearse a manifest in a sandbox: idempotent? independent of order? safe to kill?

The manifest is converged, commands included, in an overlay of this node; the node stays as it is. It is converged twice, in random orders that keep all
relations, and killed at each step and started again; each has to end in the same state. The sandbox has no network, no devices and no systemd: what
needs these is named as not decided.`,
		Example: "  apply prove main.hcl\n  apply prove --orders 50 --seed 7 main.hcl",
	}
	cmd.RunE = a.Reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
		src, err := l.Source(cmd, args)
		if err != nil {
			return err
		}
		if inside, err := Inside(ctx, l, src); inside || err != nil {
			return err
		}
		m, err := l.Load(ctx, src)
		if err != nil {
			return err
		}
		t, open, err := newTheatre(ctx, l, m)
		if err != nil {
			return err
		}
		defer t.stage.Close()
		p := &proof{theatre: t, catalog: m.Catalog(), path: src.String(), open: open, seeds: int(orders), seed: seed}
		err = p.all(ctx)
		p.progress("")
		if err != nil {
			return err
		}
		a.Ran, a.Code = true, p.code()
		return p.print(a)
	})
	l.AddFlags(cmd.Flags())
	cmd.Flags().Var(&orders, "orders", "random orders to converge in; the same one is not tried twice")
	cmd.Flags().Uint64Var(&seed, "seed", seed, "`number` that the first of the random orders comes from; the next ones from those after it")
	return cmd
}

// proof is what is tried with one manifest, and what came of it.
type proof struct {
	theatre
	catalog *catalog.Catalog
	path    string
	seeds   int    // random orders that are asked for
	seed    uint64 // of the first
	orders  int    // different ones that were tried
	claims  []Claim
	open    []Open
	base    *trial // in the order of declaration
}

// Inside says whether this process was started in a box; then it has rehearsed the manifest there.
func Inside(ctx context.Context, l *load.Loader, src source.Source) (bool, error) {
	cell, err := sandbox.Inside()
	if cell == nil || err != nil {
		return false, err
	}
	return true, rehearse(ctx, l, cell, src)
}

// newTheatre makes a stage for rehearsals of a manifest, and says what of the node is not there.
func newTheatre(ctx context.Context, l *load.Loader, m *load.Manifest) (t theatre, open []Open, err error) {
	mounts, err := m.Host.Mounts(ctx)
	if err != nil {
		return t, nil, err
	}
	dir, err := l.StateDir()
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil {
		t.seed, err = known(ctx, m, mounts)
	}
	if err != nil {
		return t, nil, err
	}
	t.view = sandbox.View{Skip: append([]string{dir, private}, volatile...), Unordered: accounts}
	t.progress = func(string, ...any) {}
	if cli.IsTerminal(l.Stderr) && !l.JSON {
		t.progress = func(format string, args ...any) { fmt.Fprintf(l.Stderr, "\r\033[K"+format, args...) }
	}
	layers, left := sandbox.Layers(mounts)
	for _, point := range left {
		open = append(open, Open{Name: point, Reason: "a file system that is not of this node alone is not in the sandbox"})
	}
	t.stage, err = sandbox.NewStage(layers)
	return t, open, err
}

// known is what the model of units and mounts begins with.
func known(ctx context.Context, m *load.Manifest, mounts []host.Mount) (model.Seed, error) {
	seed := model.Seed{Mounts: mounts}
	for _, e := range m.Catalog().Entries() {
		r, ok := e.Resource.(resources.Identified)
		if !ok {
			continue
		}
		for _, id := range r.Provides() {
			if id.Kind != "unit" {
				continue
			}
			u, err := m.Host.Unit(ctx, id.Name)
			if errors.Is(err, host.ErrNoSystemd) {
				seed.NoSystemd = true
				return seed, nil
			}
			if err != nil {
				return seed, err
			}
			seed.Units = append(seed.Units, u)
		}
	}
	return seed, nil
}

// accounts are files in which the order of lines is that in which they were added.
var accounts = []string{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}

// volatile names hold what differs from one run to the next and says nothing of the state: logs, caches, what is left of the files before, and the ranges of
// ids that users are given as they come.
var volatile = []string{
	"/etc/subuid", "/etc/subgid",
	"/var/log", "/var/cache", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock",
	"/var/lib/dpkg/status-old", "/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock", "/var/lib/apt/lists/lock",
}

// all tries everything, as long as one trial can be built on the other.
func (p *proof) all(ctx context.Context) error {
	for _, try := range []func(context.Context) error{p.idempotent, p.independent, p.crashSafe, p.traced} {
		if err := try(ctx); err != nil {
			return err
		}
	}
	return nil
}

// declared is the order that breaks ties as declarations do.
func (p *proof) declared() []int { return p.catalog.Graph().Order() }

// random is an order from a seed.
func (p *proof) random(seed uint64) []int {
	return p.catalog.Graph().RandomOrder(rand.New(rand.NewPCG(seed, seed)))
}

// code is the exit code.
func (p *proof) code() int {
	for _, c := range p.claims {
		if c.Verdict == Refuted {
			return cli.Failed
		}
	}
	return 0
}

// print prints the verdicts.
func (p *proof) print(a *cli.App) error {
	v := p.verdict()
	if !a.JSON {
		_, err := io.WriteString(a.Stdout, a.Scrub.Scrub(v.text()))
		return err
	}
	for i := range v.Claims {
		for j := range v.Claims[i].Counters {
			x := &v.Claims[i].Counters[j]
			x.Summary = a.Scrub.Scrub(x.Summary)
			for k := range x.Differences {
				d := &x.Differences[k]
				d.First, d.Second, d.Diff = a.Scrub.Scrub(d.First), a.Scrub.Scrub(d.Second), a.Scrub.Scrub(d.Diff)
			}
		}
	}
	return encode(a.Stdout, v)
}

func encode(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}
