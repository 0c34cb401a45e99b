// Package needs orders what needs each other without being told to: who requires a thing of the node comes after who provides it, and what is to
// go goes after what is in it.
package needs

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/catalog/internal/order"
	"github.com/nodeapply/apply/resources"
)

// Needs are those of resources among each other.
type Needs struct {
	resources []resources.Resource
	owners    map[resources.Identity]int
	shared    map[resources.Identity][]int
	paths     func() []string // of owners, sorted
}

// Alone lists what only r may provide, as the keys of owners.
func Alone(r resources.Resource) []resources.Identity {
	var ids []resources.Identity
	if r, ok := r.(resources.Identified); ok {
		for _, id := range r.Provides() {
			if !id.Shared {
				ids = append(ids, key(id))
			}
		}
	}
	return ids
}

// key is an identity as it is looked up: without the flags of who provides or requires it.
func key(id resources.Identity) resources.Identity {
	return resources.Identity{Kind: id.Kind, Name: id.Name}
}

// New returns the needs of resources, by their vertices. Owners say who alone provides what.
func New(list []resources.Resource, owners map[resources.Identity]int) *Needs {
	n := &Needs{resources: list, owners: owners, shared: map[resources.Identity][]int{}}
	n.paths = sync.OnceValue(n.owned)
	for v, r := range list {
		r, ok := r.(resources.Identified)
		if !ok {
			continue
		}
		for _, id := range r.Provides() {
			if id.Shared {
				n.shared[key(id)] = append(n.shared[key(id)], v)
			}
		}
	}
	return n
}

// Connect adds the edges that follow to o.
func (n *Needs) Connect(o *order.Order) {
vertices:
	for v, r := range n.resources {
		r, ok := r.(resources.Identified)
		if !ok {
			continue
		}
		last := -1
		for _, id := range r.Requires() {
			if many := n.shared[key(id)]; len(many) > 0 {
				o.AutoAll(key(id), many, v)
			}
			if id.Below {
				for _, w := range n.below(id.Name) {
					o.Auto(w, v)
				}
			}
			w, ok := n.provider(id, v)
			if !ok || w == last { // of a mount, both its folder and what it is in
				continue
			}
			if !n.connect(o, id, v, w) {
				continue vertices // it is said to come after the folder, which is after what it is in
			}
			last = w
		}
	}
}

// connect orders v and w, of which v requires id. False: it is said that v comes second, though it is to go first.
func (n *Needs) connect(o *order.Order, id resources.Identity, v, w int) bool {
	if n.turned(id, v, w) {
		return o.Auto(v, w)
	}
	o.Auto(w, v)
	return true
}

// Within adds to o the edge of v, of whose path no more is known than the folder that it is in.
func (n *Needs) Within(o *order.Order, folder string, v int) {
	id := resources.Identity{Kind: "path", Name: folder, Nearest: true}
	if w, ok := n.provider(id, v); ok {
		n.connect(o, id, v, w)
	}
}

// Why is the reason for one to come after another.
type Why uint8

// The reasons.
const (
	Nothing Why = iota
	Needed      // it needs what the other provides
	Goes        // it is removed, and the other needs it or is in it
	Undone      // it needs what the other removes: no order helps against that
)

// Between says why second comes after first, and of what thing. What many may provide is no reason between two.
func (n *Needs) Between(first, second int) (Why, resources.Identity) {
	id, ok := n.need(second, first)
	if !ok {
		if id, ok = n.need(first, second); ok && n.turned(id, first, second) {
			return Goes, id
		}
		return Nothing, resources.Identity{}
	}
	account := id.Kind == "user" || id.Kind == "group"
	switch {
	case account && n.absent(second):
		return Goes, id
	case account && n.absent(first):
		return Undone, id
	}
	return Needed, id
}

// need is what v requires of w; ok is false if there is no such thing.
func (n *Needs) need(v, w int) (id resources.Identity, ok bool) {
	r, ok := n.resources[v].(resources.Identified)
	if !ok {
		return id, false
	}
	for _, id := range r.Requires() {
		if by, ok := n.provider(id, v); ok && by == w || id.Below && slices.Contains(n.below(id.Name), w) {
			return id, true
		}
	}
	return id, false
}

// owned lists the paths that have owners, sorted.
func (n *Needs) owned() (paths []string) {
	for id := range n.owners {
		if id.Kind == "path" {
			paths = append(paths, id.Name)
		}
	}
	slices.Sort(paths)
	return paths
}

// below lists who provides a path that is below a folder.
func (n *Needs) below(folder string) (vertices []int) {
	all, inside := n.paths(), strings.TrimSuffix(folder, "/")+"/"
	for i, _ := slices.BinarySearch(all, inside); i < len(all) && strings.HasPrefix(all[i], inside); i++ {
		vertices = append(vertices, n.owners[resources.Identity{Kind: "path", Name: all[i]}])
	}
	return vertices
}

// provider finds who provides what v requires: exactly that, or for Nearest the closest managed ancestor of a path.
func (n *Needs) provider(id resources.Identity, v int) (int, bool) {
	w, ok := n.owners[key(id)]
	if !id.Nearest {
		return w, ok && w != v
	}
	p := id.Name
	if ok && w == v {
		p = path.Dir(p) // nothing is below itself
	}
	for ; strings.HasPrefix(p, "/"); p = path.Dir(p) {
		// A mount point comes before the folder it covers: what is below it belongs to the mounted file system.
		for _, kind := range [...]string{"mount", id.Kind} {
			if w, ok := n.owners[resources.Identity{Kind: kind, Name: p}]; ok && w != v {
				return w, true
			}
		}
		if p == "/" {
			break
		}
	}
	return 0, false
}

// turned says of what v requires of w that v comes first all the same: both are to go, and one is in the other, or what is mounted there is to go, under
// which the folder is another.
func (n *Needs) turned(id resources.Identity, v, w int) bool {
	if id.Kind != "path" && id.Kind != "mount" || !n.absent(v) {
		return false
	}
	by, mounted := n.owners[resources.Identity{Kind: "mount", Name: id.Name}]
	return n.absent(w) || mounted && by == v
}

func (n *Needs) absent(v int) bool {
	a, ok := n.resources[v].(resources.Absentee)
	return ok && a.Absent()
}
