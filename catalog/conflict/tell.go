package conflict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
)

// problems tells the pairs, once for all instances of two blocks.
func (f *finder) problems() []catalog.Problem {
	type blocks struct {
		summary  string
		from, to catalog.Pos
	}
	groups := map[blocks][]pair{}
	var keys []blocks
	for _, p := range slices.Concat(f.pairs, f.undoing, f.untold) {
		k := blocks{p.summary, f.entries[p.from[0]].Pos, f.entries[p.to].Pos}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		if len(groups[k]) == 0 || groups[k][len(groups[k])-1].to != p.to { // one resource can touch several files
			groups[k] = append(groups[k], p)
		}
	}
	slices.SortStableFunc(keys, func(x, y blocks) int {
		return cmp.Or(cmp.Compare(groups[x][0].to, groups[y][0].to), cmp.Compare(groups[x][0].from[0], groups[y][0].from[0]))
	})
	out := make([]catalog.Problem, 0, len(keys))
	for _, k := range keys {
		out = append(out, f.problem(groups[k]))
	}
	return out
}

// problem tells one pair for all of a group.
func (f *finder) problem(group []pair) catalog.Problem {
	p := group[0]
	to, from := f.entries[p.to], f.entries[p.from[0]]
	detail := fmt.Sprintf("%s at %s %s %s, "+p.with, to.Addr, to.Pos, p.does, p.path, fmt.Sprintf("%s at %s", from.Addr, from.Pos))
	if more := len(group) - 1; more > 0 {
		detail += fmt.Sprintf(" (and %d more resources of this block do likewise)", more)
	}
	switch {
	case p.advice != "":
		detail += ". " + p.advice
	case p.attr == "notify":
		detail += "; nothing tells the service when it changes. " + f.edge(group)
	default:
		detail += "; nothing says which of the two comes first. " + f.edge(group)
	}
	return catalog.Problem{Pos: to.Pos, Also: []catalog.Pos{from.Pos}, Summary: p.summary, Detail: detail}
}

// edge is the line that is missing, and where it belongs.
func (f *finder) edge(group []pair) string {
	to, from := f.entries[group[0].to], f.entries[group[0].from[0]].Addr
	for _, p := range group[1:] {
		if p.from[0] != group[0].from[0] {
			from.Instance = "" // all of them
		}
	}
	ref, module := reference(to.Addr.Module, from)
	attr := cmp.Or(group[0].attr, "require")
	switch at := to.AttrPos; {
	case module != "":
		return fmt.Sprintf("Put into the block of %s:\n\n  %s = [%s]", module, attr, ref)
	case at != nil && at(attr) != to.Pos:
		return fmt.Sprintf("Add to `%s` at %s:\n\n  %s", attr, at(attr), ref)
	}
	return fmt.Sprintf("Put into the block at %s:\n\n  %s = [%s]", to.Pos, attr, ref)
}

// reference writes a as a block of the module scope can name it. Where that cannot, module is the call, of a module that can, in which the block is.
func reference(scope string, a resources.Address) (ref, module string) {
	steps := address.Steps(scope)
	for i, step := range slices.Backward(steps) {
		if a.Module == step.Path || strings.HasPrefix(a.Module, step.Path+".") {
			break
		}
		module, steps = step.Path, steps[:i]
	}
	if len(steps) > 0 {
		a.Module = strings.TrimPrefix(strings.TrimPrefix(a.Module, steps[len(steps)-1].Path), ".")
	}
	return a.String(), module
}
