// Package index finds the vertices of a catalog by address: an entry, all instances of a resource, everything in a module.
package index

import (
	"slices"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/nearest"
)

// Index finds vertices, which are the places of addresses in a list.
type Index struct {
	addrs     []resources.Address
	alias     map[resources.Address]resources.Address
	exact     map[resources.Address]int
	instances map[resources.Address][]int // by the address without its instance
	modules   map[string][]int            // by module path, with and without instance keys; filled when first asked
	open      map[int]bool                // see Open
}

// New makes an Index of addresses. An alias is an address in the place of another.
func New(addrs []resources.Address, alias map[resources.Address]resources.Address) *Index {
	x := &Index{addrs: addrs, alias: alias, exact: make(map[resources.Address]int, len(addrs)), instances: map[resources.Address][]int{}}
	for v, a := range addrs {
		x.exact[a] = v
		if a.Instance != "" {
			a.Instance = ""
			x.instances[a] = append(x.instances[a], v)
		}
	}
	return x
}

// Open says that nobody knows which instances v has, or is to have: any of them is found there.
func (x *Index) Open(v int) {
	if x.open == nil {
		x.open = map[int]bool{}
	}
	x.open[v] = true
}

// Find returns the vertices that an address stands for, ascending. An address without a type stands for a module.
func (x *Index) Find(a resources.Address) []int {
	if a.Type == "" {
		return x.module(a.Module)
	}
	if to, ok := x.alias[a]; ok {
		a = to
	}
	if v, ok := x.exact[a]; ok {
		return []int{v}
	}
	if all := x.instances[a]; all != nil || a.Instance == "" {
		return all
	}
	a.Instance = ""
	if v, ok := x.exact[a]; ok && x.open[v] {
		return []int{v}
	}
	return nil
}

func (x *Index) module(path string) []int {
	if x.modules == nil {
		x.modules = map[string][]int{}
		var steps []address.Step
		for v, a := range x.addrs {
			if v == 0 || a.Module != x.addrs[v-1].Module {
				steps = address.Steps(a.Module)
			}
			for _, step := range steps {
				x.modules[step.Path] = append(x.modules[step.Path], v)
				if step.Key != "" {
					plain := step.Path[:len(step.Path)-len(step.Key)]
					x.modules[plain] = append(x.modules[plain], v)
				}
			}
		}
	}
	return x.modules[path]
}

// Nearest is the address of the same module and type that is most like a, or else whose title is; "" if none is.
func (x *Index) Nearest(a resources.Address) string {
	var candidates, titles []string
	written := map[string]string{}
	for _, c := range x.addrs {
		if c.Module == a.Module && c.Type == a.Type {
			if a.Instance == "" {
				c.Instance = ""
			}
			candidates, titles = append(candidates, c.String()), append(titles, c.Title+c.Instance)
			written[c.Title+c.Instance] = c.String()
		}
	}
	slices.Sort(candidates)
	if near := nearest.Of(a.String(), slices.Compact(candidates)); near != "" {
		return near
	}
	slices.Sort(titles)
	return written[nearest.Of(a.Title+a.Instance, titles)] // brackets and quotes are far from a dot
}
