package converge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/text"
)

// changes prints what changed on the nodes, or would: of those for which it is the same once, under their folded names.
func (c *convergence) changes(results []*fleet.Result) error {
	var all []output.Said
	for _, r := range results {
		if said := c.changesOf(c.joint.Node(r.Node)); len(said) > 0 {
			all = append(all, output.Said{Node: r.Node, Text: said, Key: string(said)})
		}
	}
	return output.WriteGroups(c.Stdout, output.Gather(all), false) // what is told of nodes is printable already
}

// changesOf is what changed on a node as a run there prints it, in the order of the manifest: results come as they end.
func (c *convergence) changesOf(told *joint.Node) []byte {
	var rs []*report.Result
	for _, line := range told.Results {
		r := &report.Result{}
		if json.Unmarshal(line, r) != nil {
			continue // of another version of this program
		}
		if c.Verbose || r.Outcome == report.Pending || r.Outcome == report.Changed || r.Outcome == report.Refreshed {
			rs = append(rs, r)
		}
	}
	slices.SortStableFunc(rs, func(a, b *report.Result) int {
		aFile, aLine := place(a.Pos)
		bFile, bLine := place(b.Pos)
		return cmp.Or(cmp.Compare(aFile, bFile), aLine-bLine, cmp.Compare(a.Address.String(), b.Address.String()))
	})
	var b bytes.Buffer
	p := text.New(&b, text.Options{Verbose: c.Verbose})
	p.Begin(&report.Report{Mode: c.joint.Mode})
	for _, r := range rs {
		p.Ended(r)
	}
	return b.Bytes()
}

// place is the parts of FILE:LINE.
func place(pos string) (file string, line int) {
	i := strings.LastIndexByte(pos, ':')
	line, err := strconv.Atoi(pos[i+1:])
	if err != nil {
		return pos, 0
	}
	return pos[:max(i, 0)], line
}
