package diag

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// maxAlike bounds the mistakes of one summary at one place whose details differ: a block with for_each can make one for each of its instances.
const maxAlike = 5

// folded is a mistake that is told for others too.
type folded struct {
	*hcl.Diagnostic
	first In          // what it was met in
	more  map[In]bool // what else
	alike int         // others at its place that differ from it in their details alone, and are not told
}

// fold keeps each mistake once, in order, and of those that are alike the first ones.
func fold(ds hcl.Diagnostics) []*folded {
	type kind struct {
		at      hcl.Range
		summary string
	}
	type mistake struct {
		kind
		detail string
	}
	seen := map[mistake]*folded{} // nil: of those that are counted only
	alike := map[kind][]*folded{}
	var kept []*folded
	for _, d := range ds {
		m := mistake{kind{summary: d.Summary}, d.Detail}
		if d.Subject != nil {
			m.at = *d.Subject
		}
		in, _ := d.Extra.(In)
		if f, again := seen[m]; again {
			f.add(in)
			continue
		}
		if same := alike[m.kind]; len(same) == maxAlike && d.Subject != nil {
			same[maxAlike-1].alike++
			seen[m] = nil
			continue
		}
		f := &folded{Diagnostic: d}
		f.add(in)
		seen[m] = f
		alike[m.kind] = append(alike[m.kind], f)
		kept = append(kept, f)
	}
	return kept
}

// add notes what the mistake was met in as well; of nil it is not told.
func (f *folded) add(in In) {
	switch {
	case f == nil || in == "" || in == f.first:
	case f.first == "":
		f.first = in
	case f.more == nil:
		f.more = map[In]bool{in: true}
	default:
		f.more[in] = true
	}
}

// others tells what f stands for: sentences, none if it is for itself alone.
func (f *folded) others() string {
	var text string
	switch {
	case f.first == "":
	case len(f.more) == 0:
		text = fmt.Sprintf(" This is in %s.", f.first)
	default:
		text = fmt.Sprintf(" This is in %s, and in %d more.", f.first, len(f.more))
	}
	if f.alike > 0 {
		text += fmt.Sprintf(" %d more mistakes here are like this one.", f.alike)
	}
	return text
}
