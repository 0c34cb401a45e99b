package figures

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nodeapply/apply/bench/floor"
	"github.com/nodeapply/apply/bench/setup"
	"github.com/nodeapply/apply/bench/state"
)

// byHand is the heading from which on README.md is not written by this program.
const byHand = "## What is not reached, and why"

// writeReadme writes the tables, and keeps what is written by hand below them.
func (r *Results) writeReadme(name string) error {
	var b strings.Builder
	b.WriteString(head)
	fmt.Fprintf(&b, "\n%s\n", r.Machine)
	r.targets(&b)
	b.WriteString("\n## Nothing to do\n\nSeconds of processor time, of all processors together. *Bound* is 1.2 x language + 3 x physical + start-up. In brackets: how many times what apply takes.\n")
	for _, shape := range state.Shapes()[1:] {
		r.again(&b, shape)
	}
	b.WriteString("\n## First run\n\nSeconds by the clock; *bound* is 1.5 x durable, with one syncfs for all. In brackets: how many times what apply takes.\n")
	for _, shape := range state.Shapes()[1:] {
		r.first(&b, shape)
	}
	b.WriteString("\n## Repair of one drifted resource\n\nSeconds of processor time.\n")
	for _, shape := range state.Shapes()[1:] {
		r.peers(&b, shape, func(c Cell) float64 { return c.Repair.CPU })
	}
	b.WriteString("\n## Memory, inodes, processes\n\nPeak memory in MiB of a run with nothing to do, and of the first run. *Bytes* are what apply keeps of a resource beside HCL's syntax tree. *Touched* are the inodes of which a run with nothing to do changes anything, and in brackets those of which it changes the access time; *processes* are those that it starts.\n")
	r.memory(&b)
	return setup.WritePage(name, b.String(), byHand)
}

const head = `# How fast

The same desired state for apply and for the tools that Debian has, one after the other on one machine, beside floors that no program of this
kind can go below: *physical* looks at each name, reads and compares (or creates, writes and renames); *durable* does so with one syncfs(2) for
all files before they are renamed, or with an fsync(2) of each; *language* parses the manifests with hashicorp/hcl and evaluates each attribute,
and nothing else. Each end state is checked by the hashes of all files, and each second run must report no change.

    make bench                                       all of it: hours, for the peers
    go run ./bench -quick                            sizes to 100, one run each
    go run ./bench -tools apply -shapes inline,each  what is not measured again stays in results.json

All of it happens on an ext4 of its own in a file, as syncfs(2) waits for whatever others have written too.
Figures are medians of up to five runs, of fewer where they take long. A tool that needs longer than the budget (five minutes), or
would at the pace of a smaller size, is not given more: *over*. Files are 1 KiB each, all different; in mixed, chain and fan they hold their
number alone. Manifests are bounded (1 MiB each, 16 MiB together), so 100,000 files with 1 KiB written out are none of apply's sizes: it takes
them by source or by for_each. Many blocks go into several files of one folder.
What a manifest from git costs: [git/README.md](git/README.md). The fleet beside other programs: [fleet/README.md](fleet/README.md).

The columns of tables: N resources; floors; apply; the peers.

Single resources that handle very much (gigabytes of output, trees of 100,000 files) are in [types](types/README.md).
How fast facts travel between nodes: [exchange/README.md](exchange/README.md).
`

func table(b *strings.Builder, columns ...string) {
	fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
}

func row(b *strings.Builder, columns ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(columns, " | "))
}

func seconds(s float64) string {
	switch {
	case s == 0:
		return ""
	case s < 1:
		return fmt.Sprintf("%.3f", s)
	}
	return fmt.Sprintf("%.3g", s)
}

var peerNames = []string{"cfengine", "puppet", "itamae", "ansible"}

// sizes lists the sizes for which there are figures of a shape.
func (r *Results) sizes(shape string) []int {
	var out []int
	for _, c := range r.Cells {
		if c.Shape == shape && c.Why == "" && !slices.Contains(out, c.N) {
			out = append(out, c.N)
		}
	}
	slices.Sort(out)
	return out
}

// beside returns the columns of the peers, in relation to own.
func (r *Results) beside(shape string, n int, own float64, of func(Cell) float64) []string {
	var out []string
	for _, p := range peerNames {
		c, ok := r.get(p, shape, n)
		switch {
		case ok && own > 0:
			out = append(out, fmt.Sprintf("%s (%.3gx)", seconds(of(c)), of(c)/own))
		case ok:
			out = append(out, seconds(of(c)))
		case strings.HasSuffix(c.Why, OverBudget):
			out = append(out, "over")
		default:
			out = append(out, "")
		}
	}
	return out
}

// bound is the most that a run with nothing to do may take, in seconds of processor time.
func (r *Results) bound(f Floors) float64 {
	start, _ := r.get("apply", state.Nothing, 0)
	return 1.2*f.Language.CPU + 3*f.Again.CPU + start.Again.CPU
}

func (r *Results) again(b *strings.Builder, shape string) {
	fmt.Fprintf(b, "\n### %s\n", shape)
	table(b, append([]string{"N", "physical", "language", "bound", "apply", "wall"}, peerNames...)...)
	for _, n := range r.sizes(shape) {
		f, _ := r.floors(shape, n)
		c, _ := r.get("apply", shape, n)
		row(b, append([]string{fmt.Sprint(n), fmt.Sprintf("%.4f", f.Again.CPU), seconds(f.Language.CPU), seconds(r.bound(f)), seconds(c.Again.CPU), seconds(c.Again.Wall)},
			r.beside(shape, n, c.Again.CPU, func(c Cell) float64 { return c.Again.CPU })...)...)
	}
}

func (r *Results) first(b *strings.Builder, shape string) {
	fmt.Fprintf(b, "\n### %s\n", shape)
	table(b, append([]string{"N", "physical", "durable", "fsync each", "bound", "apply", "CPU"}, peerNames...)...)
	for _, n := range r.sizes(shape) {
		f, _ := r.floors(shape, n)
		c, _ := r.get("apply", shape, n)
		row(b, append([]string{fmt.Sprint(n), seconds(f.First.Wall), seconds(f.Durable.Wall), seconds(f.Each.Wall), seconds(1.5 * f.Durable.Wall), seconds(c.First.Wall), seconds(c.First.CPU)},
			r.beside(shape, n, c.First.Wall, func(c Cell) float64 { return c.First.Wall })...)...)
	}
}

func (r *Results) peers(b *strings.Builder, shape string, of func(Cell) float64) {
	fmt.Fprintf(b, "\n### %s\n", shape)
	table(b, append([]string{"N", "apply"}, peerNames...)...)
	for _, n := range r.sizes(shape) {
		c, _ := r.get("apply", shape, n)
		row(b, append([]string{fmt.Sprint(n), seconds(of(c))}, r.beside(shape, n, of(c), of)...)...)
	}
}

func (r *Results) memory(b *strings.Builder) {
	table(b, append([]string{"shape", "N", "apply", "first", "bytes", "touched", "processes"}, peerNames...)...)
	mib := func(c floor.Cost) string { return fmt.Sprintf("%.0f", float64(c.RSS)/1024) }
	for _, shape := range state.Shapes() {
		for _, n := range r.sizes(shape) {
			c, ok := r.get("apply", shape, n)
			columns := []string{shape, fmt.Sprint(n), "", "", "", "", ""}
			if ok {
				columns = []string{shape, fmt.Sprint(n), mib(c.Again), mib(c.First), fmt.Sprint(c.PerResource), fmt.Sprintf("%d (%d)", c.Touched, c.Read), fmt.Sprint(c.Processes)}
			}
			for _, p := range peerNames {
				column := ""
				if c, ok := r.get(p, shape, n); ok {
					column = mib(c.Again)
				}
				columns = append(columns, column)
			}
			row(b, columns...)
		}
	}
}

// exponent is how cost grows with size: of the smallest and the largest size from 1,000 on, less what an empty manifest takes.
func (r *Results) exponent(shape string) (e float64, from, to int) {
	sizes := slices.DeleteFunc(r.sizes(shape), func(n int) bool {
		_, ok := r.get("apply", shape, n)
		return n < 1000 || !ok
	})
	if len(sizes) < 2 {
		return 0, 0, 0
	}
	from, to = sizes[0], sizes[len(sizes)-1]
	start, _ := r.get("apply", state.Nothing, 0)
	a, _ := r.get("apply", shape, from)
	z, _ := r.get("apply", shape, to)
	return math.Log((z.Again.CPU-start.Again.CPU)/(a.Again.CPU-start.Again.CPU)) / math.Log(float64(to)/float64(from)), from, to
}
