// Package selection is a part of a catalog, chosen by targets and tags.
package selection

import (
	"fmt"
	"slices"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/internal/index"
	"github.com/nodeapply/apply/resources"
)

// Choice says what is chosen; the zero value chooses everything.
type Choice struct {
	Targets  []resources.Address // only these, with what they require
	Tags     []string            // only what has one of these
	SkipTags []string            // and none of these
}

// Of marks the entries that o chooses; nil means all. A target that the catalog does not have is an error.
func Of(c *catalog.Catalog, o Choice) ([]bool, error) {
	if len(o.Targets) == 0 && len(o.Tags) == 0 && len(o.SkipTags) == 0 {
		return nil, nil
	}
	entries := c.Entries()
	chosen := make([]bool, len(entries))
	if len(o.Targets) > 0 {
		var from []int
		for _, t := range o.Targets {
			found := c.Find(t)
			if found == nil {
				return nil, unknownTarget(c, t)
			}
			from = append(from, found...)
		}
		copy(chosen, c.Graph().Reverse().Reach(from...))
	} else {
		for i := range chosen {
			chosen[i] = true
		}
	}
	for v, e := range entries {
		tags := Tags(e)
		if len(o.Tags) > 0 && !overlap(tags, o.Tags) || overlap(tags, o.SkipTags) {
			chosen[v] = false
		}
	}
	return chosen, nil
}

func unknownTarget(c *catalog.Catalog, t resources.Address) error {
	var names []string
	for _, e := range c.Entries() {
		names = append(names, e.Addr.String())
	}
	err := fmt.Errorf("no resource %s in this catalog", t)
	if near := resources.Nearest(t.String(), names); near != "" {
		err = fmt.Errorf("%w; did you mean `%s`?", err, near)
	}
	return err
}

// Tags lists an entry's own tags and those that it has by itself: type, title and the names of its modules.
func Tags(e *catalog.Entry) []string {
	tags := append([]string{e.Addr.Type, e.Addr.Title}, e.Tags...)
	for _, step := range index.Steps(e.Addr.Module) {
		tags = append(tags, step.Name)
	}
	return tags
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(b, func(s string) bool { return slices.Contains(a, s) })
}
