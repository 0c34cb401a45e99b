// Package prove rehearses a manifest in a sandbox of this node: is a second run without effect, does the order of what has no order matter, and can it be
// killed at any step?
package prove

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/verdict"
	"github.com/nodeapply/apply/manifest/diag"
)

// Command is apply prove.
func Command(a *cli.App) *cobra.Command {
	l := load.New(a)
	orders, seed := flagvalue.Count(8), uint64(1)
	cmd := &cobra.Command{
		Use:   "prove [flags] PATH",
		Short: "Rehearse a manifest in a sandbox: idempotent? independent of order? safe to kill?",
		Long: `Rehearse a manifest in a sandbox: idempotent? independent of order? safe to kill?

The manifest is converged, commands included, in an overlay of this node; the node stays as it is. It is converged twice, in random orders that keep all
relations, and killed at each step and started again; each has to end in the same state. The sandbox has no network, no devices and no systemd: what
needs these is named as not decided.

Exit codes: 0 where all is proved or not decided, 4 where something is refuted, 1 where the rehearsal did not start.`,
		Example: "  apply prove main.hcl\n  apply prove --orders 50 --seed 7 main.hcl",
	}
	cmd.RunE = a.Reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
		src, err := l.Source(cmd, args)
		if err != nil {
			return err
		}
		if err := l.Lasting(rehearsal.ReadsAgain); err != nil {
			return err
		}
		if inside, err := rehearsal.Inside(ctx, l, src); inside || err != nil {
			return err
		}
		m, err := l.Load(ctx, src)
		if err != nil {
			return err
		}
		p, err := newProof(ctx, l, m)
		if err != nil {
			return err
		}
		defer p.Stage.Close()
		p.path, p.seeds, p.seed = src.String(), int(orders), seed
		err = p.all(ctx)
		p.progress("")
		if err != nil {
			return err
		}
		a.Ran, a.Code = true, p.code()
		warnings, err := m.Conflicts(ctx)
		if err != nil {
			a.Note(cli.UnknownNode + err.Error())
		}
		return p.print(a, warnings)
	})
	l.AddFlags(cmd.Flags())
	cmd.Flags().Var(&orders, "orders", "random orders to converge in; the same one is not tried twice")
	cmd.Flags().Uint64Var(&seed, "seed", seed, "`NUMBER` that the first of the random orders comes from; the next ones from those after it")
	return cmd
}

// proof is what is tried with one manifest, and what came of it.
type proof struct {
	*rehearsal.Theatre
	catalog *catalog.Catalog
	path    string
	flags   string // what ends the command that shows a counterexample again
	seeds   int    // random orders that are asked for
	seed    uint64 // of the first
	orders  int    // different ones that were tried
	claims  []verdict.Claim
	open    []verdict.Open
	base    *rehearsal.Trial // in the order of declaration

	progress func(format string, args ...any) // tells whoever waits what is tried now
}

func newProof(ctx context.Context, l *load.Loader, m *load.Manifest) (*proof, error) {
	t, left, err := rehearsal.NewTheatre(ctx, l, m)
	if err != nil {
		return nil, err
	}
	p := &proof{Theatre: t, catalog: m.Catalog(), flags: l.SameFlags(), progress: func(string, ...any) {}}
	if cli.IsTerminal(l.Stderr) && !l.JSON {
		p.progress = func(format string, args ...any) { fmt.Fprintf(l.Stderr, "\r\033[K"+format, args...) }
	}
	for _, point := range left {
		p.open = append(p.open, verdict.Open{Name: point, Reason: "a file system that is not of this node alone is not in the sandbox"})
	}
	return p, nil
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
		if c.Verdict == verdict.Refuted {
			return cli.Failed
		}
	}
	return 0
}

// print prints the verdicts, and what speaks against the manifest as it stands.
func (p *proof) print(a *cli.App, warnings diag.List) error {
	var addresses []string
	for _, e := range p.catalog.Entries() {
		addresses = append(addresses, e.Addr.String())
	}
	v := verdict.Sum(addresses, p.claims, p.open)
	v.Orders, v.Seed = p.orders, p.seed
	v.Scrub(a.Scrub.Scrub)
	if a.JSON {
		v.Warnings = warnings
		return a.PrintJSON(v)
	}
	a.PrintDiagnostics(warnings)
	_, err := io.WriteString(a.Stdout, v.Text())
	return err
}
