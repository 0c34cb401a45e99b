package cell

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/resources"
)

// Dep is a resource that a value was made of.
type Dep struct {
	Addr resources.Address
	Late bool // a value of it that only the run gives, is in there
	At   *hcl.Range
}

// Deps are all of them, each once.
type Deps []Dep

// Add joins two sets.
func (d Deps) Add(more Deps) Deps {
	for _, m := range more {
		i := slices.IndexFunc(d, func(x Dep) bool { return x.Addr == m.Addr })
		if i < 0 {
			d = append(d[:len(d):len(d)], m)
		} else if m.Late && !d[i].Late {
			d = slices.Clone(d)
			d[i].Late = true
		}
	}
	return d
}

// Late lists what a value waits for.
func (d Deps) Late() []resources.Address {
	var out []resources.Address
	for _, x := range d {
		if x.Late {
			out = append(out, x.Addr)
		}
	}
	return out
}

// String names what a value waits for: "exec.a, wait.b".
func (d Deps) String() string {
	var names []string
	for _, a := range d.Late() {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}
