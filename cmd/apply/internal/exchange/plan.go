package exchange

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/report"
)

// planCommand says what a manifest means for other nodes.
func planCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	cmd := &cobra.Command{
		Use:   "plan [flags] PATH",
		Short: "Say what this node would export and wait for; change nothing",
		Long: `Say what a manifest would export from this node and wait for, and behind which waits. Nothing is changed, and no exchange is asked: it says what
apply fleet converge finds out of every node before it touches any.`,
		Example: "  apply exchange plan main.hcl\n  apply exchange plan --json main.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := l.Named(cmd.Context(), cmd, args)
			if err != nil {
				return err
			}
			known, err := l.Facts(m.Host)
			if err != nil {
				return err
			}
			who, err := l.Exchange.Identify(cmd.Context(), known)
			if err != nil {
				return err
			}
			plan, limits := m.Together()
			p := joint.Part{Node: who.Node, Groups: who.Groups, Boot: who.Boot, Exchange: l.Exchange.URL, Limits: limits,
				Exports: plan.Exports, Blocks: plan.Blocks, Waits: plan.Waits}
			if a.JSON {
				return a.PrintJSON(struct {
					Event string `json:"event"`
					*joint.Part
				}{"part", &p})
			}
			return printPart(a.Stdout, &p)
		},
	}
	l.AddFlags(cmd.Flags())
	return cmd
}

func printPart(w io.Writer, p *joint.Part) error {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, report.Printable(p.Node+" "+fmt.Sprintf(format, args...))+"\n")
	}
	behind := func(waits []string) string {
		if len(waits) == 0 {
			return ""
		}
		return " (after wait." + strings.Join(waits, ", wait.") + ")"
	}
	for _, e := range p.Exports {
		add("exports %s%s", e.Fact, behind(e.Behind))
	}
	for _, b := range p.Blocks {
		add("exports what %s names in the run%s", b.Address, behind(b.Behind))
	}
	for _, wait := range p.Waits {
		add("waits in wait.%s for %s of %s%s", wait.Name, wait.Fact, whose(wait), behind(wait.Behind))
	}
	for _, l := range p.Limits {
		add("enters limit.%s", l)
	}
	if len(lines) == 0 {
		add("has nothing to do with other nodes")
	}
	_, err := io.WriteString(w, strings.Join(lines, ""))
	return err
}

// whose says of which nodes a wait wants the fact.
func whose(w record.Wait) string {
	switch {
	case strings.HasPrefix(w.Fact, "param."):
		return "an orchestrator"
	case w.Group != "":
		return "group " + w.Group
	case w.Min > 0:
		return fmt.Sprintf("%d of %s", w.Min, strings.Join(w.Nodes, ", "))
	}
	return strings.Join(w.Nodes, ", ")
}
