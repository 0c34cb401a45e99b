// Package selection is a part of a catalog, chosen by targets and tags.
package selection

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/nearest"
)

// Choice says what is chosen; the zero value chooses everything.
type Choice struct {
	Targets  []resources.Address // only these, with what they require
	Tags     []string            // only what has one of these
	SkipTags []string            // and none of these
}

// Selection is a part of a catalog. A nil one is all of it.
type Selection struct {
	entries []bool
	parts   map[int]map[resources.Address]bool // by vertex; of an entry of which all is chosen, none
}

// Has says whether the entry at v is chosen, or some of what it becomes.
func (s *Selection) Has(v int) bool { return s == nil || s.entries[v] }

// Among picks what is chosen of what an entry at v has become. An instance that was chosen and is none of these is an error.
func (s *Selection) Among(v int, bound []*catalog.Entry) ([]*catalog.Entry, error) {
	if s == nil || s.parts[v] == nil {
		return bound, nil
	}
	missing := maps.Clone(s.parts[v])
	chosen := slices.DeleteFunc(bound, func(b *catalog.Entry) bool {
		delete(missing, b.Addr)
		return !s.parts[v][b.Addr]
	})
	if len(missing) == 0 {
		return chosen, nil
	}
	var names []string
	for a := range missing {
		names = append(names, a.String())
	}
	slices.Sort(names)
	return nil, fmt.Errorf("there is no %s in this run", strings.Join(names, ", no "))
}

// Of is what o chooses. A target that the catalog does not have is an error.
func Of(c *catalog.Catalog, o Choice) (*Selection, error) {
	if len(o.Targets) == 0 && len(o.Tags) == 0 && len(o.SkipTags) == 0 {
		return nil, nil
	}
	entries := c.Entries()
	chosen := &Selection{entries: make([]bool, len(entries))}
	if len(o.Targets) > 0 {
		r := required{cat: c, back: c.Graph().Reverse(), whole: make([]bool, c.Graph().Len()), parts: map[int]map[resources.Address]bool{}}
		for _, t := range o.Targets {
			found := c.Find(t)
			if found == nil {
				return nil, unknownTarget(c, t)
			}
			for _, v := range found {
				r.add(v, t)
			}
		}
		chosen.parts = r.parts
		for v := range entries {
			chosen.entries[v] = r.whole[v] || r.parts[v] != nil
		}
	} else {
		for i := range entries {
			chosen.entries[i] = true
		}
	}
	for v, e := range entries {
		tags := Tags(e)
		if len(o.Tags) > 0 && !overlap(tags, o.Tags) || overlap(tags, o.SkipTags) {
			chosen.entries[v] = false
		}
	}
	return chosen, nil
}

// required is what targets are, and all that comes before them.
type required struct {
	cat   *catalog.Catalog
	back  *graph.Graph // from each vertex to what comes before it
	whole []bool
	parts map[int]map[resources.Address]bool // of what is not in it whole
}

// place is a vertex, or one instance of what it becomes.
type place struct {
	v    int
	part resources.Address // the zero Address: all of it
}

// add takes in what a target stands for at v, and all that comes before that.
func (r *required) add(v int, target resources.Address) {
	start := place{v: v}
	if e := r.cat.Entries()[v]; target.Instance != "" && e.Deferred != nil && e.Deferred.Repeated {
		start.part = target
	}
	for stack := []place{start}; len(stack) > 0; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !r.mark(p) {
			continue
		}
		for _, e := range r.back.Succ(p.v) {
			before := place{v: e.To}
			if of, a, ok := r.cat.Instance(e.To); ok && of == p.v && p.part != (resources.Address{}) && a != p.part {
				continue // it comes before another instance
			}
			if of, a, ok := r.cat.Instance(p.v); ok && of == e.To {
				before.part = a
			}
			stack = append(stack, before)
		}
	}
}

// mark says whether p was not in it before.
func (r *required) mark(p place) bool {
	switch {
	case r.whole[p.v] || r.parts[p.v][p.part]:
		return false
	case p.part == resources.Address{}:
		r.whole[p.v] = true
		delete(r.parts, p.v)
	case r.parts[p.v] == nil:
		r.parts[p.v] = map[resources.Address]bool{p.part: true}
	default:
		r.parts[p.v][p.part] = true
	}
	return true
}

func unknownTarget(c *catalog.Catalog, t resources.Address) error {
	var names []string
	for _, e := range c.Entries() {
		names = append(names, e.Addr.String())
	}
	return fmt.Errorf("no resource %s in this catalog%s", t, nearest.Hint(t.String(), names))
}

// Tags lists an entry's own tags and those that it has by itself: type, title and the names of its modules.
func Tags(e *catalog.Entry) []string {
	tags := append([]string{e.Addr.Type, e.Addr.Title}, e.Tags...)
	for _, step := range address.Steps(e.Addr.Module) {
		tags = append(tags, step.Name)
	}
	return tags
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(b, func(s string) bool { return slices.Contains(a, s) })
}
