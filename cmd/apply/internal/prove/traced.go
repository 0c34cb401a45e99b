package prove

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/verdict"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/sandbox/trace"
)

// traced compares what commands have read and written with what others have written. What no relation orders and touches one file is told, also where no order
// that was tried made a difference.
func (p *proof) traced(context.Context) error {
	c := verdict.Claim{Claim: "traced", Verdict: verdict.Proved}
	base := p.base.Last()
	sets, commands := make([]trace.Set, len(p.catalog.Entries())), 0
	for v, e := range p.catalog.Entries() {
		set := base.Touched[e.Addr]
		sets[v].Written = set.Written
		if p.command(v) && len(set.Read)+len(set.Written) > 0 { // what programs of other types read is their own affair
			commands++
			sets[v].Read = set.Read
		}
	}
	reach := map[int][]bool{}
	before := func(a, b int) bool {
		if reach[a] == nil {
			reach[a] = p.catalog.Graph().Reach(a)
		}
		return reach[a][b]
	}
	ordered := func(a, b int) bool { return before(a, b) || before(b, a) }
	for _, conflict := range trace.Conflicts(sets, ordered, p.ignored) {
		if !p.command(conflict.First) && !p.command(conflict.Second) {
			continue // types know how to share a file
		}
		first, second := p.place(conflict.First), p.place(conflict.Second)
		what := "one writes what the other reads"
		if conflict.Both {
			what = "both write"
		}
		c.Counters = append(c.Counters, verdict.Counter{
			Summary:   fmt.Sprintf("%s, and nothing says which comes first: %s", what, strings.Join(conflict.Paths, ", ")),
			Resources: []verdict.Place{first, second},
			Missing:   missing(first, second),
		})
	}
	switch {
	case base.Unheard != "":
		c.Verdict, c.Summary = verdict.NotDecided, base.Unheard
	case len(c.Counters) > 0:
		c.Verdict, c.Summary = verdict.Refuted, "resources touch the same files in no order"
	case commands == 0:
		c.Summary = "no command was run"
	default:
		c.Summary = fmt.Sprintf("%d %s; what they read and write is ordered", commands, verdict.Plural(commands, "command"))
	}
	p.claims = append(p.claims, c)
	return nil
}

// shared are files that many programs change, each in its turn.
var shared = []string{
	"/etc/ld.so.cache", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/rpm", "/usr/lib/sysimage/rpm",
}

// command says whether a resource is an exec.
func (p *proof) command(v int) bool { return p.catalog.Entries()[v].Addr.Type == "exec" }

// ignored are files that are shared, and such as are as before in the end.
func (p *proof) ignored(name string) bool {
	if _, changed := p.base.Changes[name]; !changed {
		return true
	}
	covers := func(dir string) bool { return host.Within(name, dir) }
	return slices.ContainsFunc(p.View.Skip, covers) || slices.ContainsFunc(rehearsal.Accounts, covers) || slices.ContainsFunc(shared, covers)
}

// missing is the relation that would order two resources as they are declared.
func missing(first, second verdict.Place) string {
	return fmt.Sprintf("require = [%s] in %s (%s), if the order of declaration is the right one", first.Address, second.Address, second.Pos)
}
