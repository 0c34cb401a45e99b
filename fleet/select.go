package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/transport"
)

// Group is nodes under one name, with what holds for all of them.
type Group struct {
	Name, Gateway, User string
	Nodes               []string
	Agent               bool
}

// Inventory knows nodes and groups. The zero value knows none: every name is then a node that is reached as it is called.
type Inventory struct {
	order  []string
	nodes  map[string]Node
	groups map[string][]string
}

// NewInventory joins groups, in order, with what is said of single nodes, which counts more. Of the groups of a node the first that names a gateway or a
// user counts.
func NewInventory(groups []Group, nodes []Node) (*Inventory, error) {
	v := &Inventory{nodes: map[string]Node{}, groups: map[string][]string{}}
	byName := map[string]Group{}
	for _, g := range groups {
		byName[g.Name] = g
		v.groups[g.Name] = slices.Clone(g.Nodes)
		for _, name := range g.Nodes {
			v.nodes[name] = v.at(name).in(g)
		}
	}
	for _, said := range nodes {
		n := v.at(said.Name)
		for _, name := range said.Groups {
			if slices.Contains(n.Groups, name) {
				continue
			}
			g := byName[name]
			g.Name = name // a node may be in one that nothing else is said of
			n = n.in(g)
			v.groups[name] = append(v.groups[name], n.Name)
		}
		n.Address, n.Facts, n.Agent = said.Address, said.Facts, n.Agent || said.Agent
		n.User, n.Gateway = cmp.Or(said.User, n.User), cmp.Or(said.Gateway, n.Gateway)
		v.nodes[n.Name] = n
	}
	for name, n := range v.nodes {
		if n.Gateway == name { // a gateway that is in a group of its own segment is reached directly
			n.Gateway = ""
			v.nodes[name] = n
		}
	}
	if len(v.order) > nodeset.Max {
		return nil, fmt.Errorf("inventory: over the limit of %d nodes", nodeset.Max)
	}
	return v, nil
}

// in is the node as one of a group, after those that it is in already.
func (n Node) in(g Group) Node {
	n.Groups = append(n.Groups, g.Name)
	n.Gateway, n.User, n.Agent = cmp.Or(n.Gateway, g.Gateway), cmp.Or(n.User, g.User), n.Agent || g.Agent
	return n
}

// at is a node of the inventory, entered if it is new.
func (v *Inventory) at(name string) Node {
	n, ok := v.nodes[name]
	if !ok {
		n.Name = name
		v.nodes[name] = n
		v.order = append(v.order, name)
	}
	return n
}

// Target finds a node of the inventory by its name.
func (v *Inventory) Target(name string) (transport.Target, bool) {
	n, ok := v.nodes[name]
	return n.Target, ok
}

// Group gives the names of a group; "all" is every node of the inventory.
func (v *Inventory) Group(name string) ([]string, bool) {
	if name == "all" {
		return v.order, true
	}
	names, ok := v.groups[name]
	return names, ok
}

// Groups are the names of all groups, sorted.
func (v *Inventory) Groups() []string { return slices.Sorted(maps.Keys(v.groups)) }

// Selection says which nodes are meant.
type Selection struct {
	Hosts  []string // names read from host files
	Where  []string // node sets; one that begins with ! or & narrows what the others give
	On     []string // groups
	First  int      // only so many, 0 for all
	Except []string // node sets
	Among  []string // if not nil: only these, and where there is nothing to choose from all of them
}

// ErrNoNodes says that nothing was selected.
var ErrNoNodes = errors.New("no nodes")

// Select finds the nodes. Where nothing is asked for, all of the inventory are meant.
func (v *Inventory) Select(s Selection) ([]Node, error) {
	names, err := v.asked(s)
	if err != nil {
		return nil, err
	}
	if names, err = nodeset.Change(names, "", nil); err != nil { // each once
		return nil, err
	}
	for _, x := range s.Except {
		away, err := nodeset.Parse(x, v.Group)
		if err != nil {
			return nil, err
		}
		without := set(away)
		names = slices.DeleteFunc(names, func(n string) bool { return without[n] })
	}
	if s.Among != nil {
		among := set(s.Among)
		names = slices.DeleteFunc(names, func(n string) bool { return !among[n] })
	}
	if s.First > 0 && len(names) > s.First {
		names = names[:s.First]
	}
	if len(names) == 0 {
		return nil, ErrNoNodes
	}
	out := make([]Node, len(names))
	for i, name := range names {
		n, ok := v.nodes[name]
		if !ok {
			n.Name = name
		}
		out[i] = n
	}
	return out, nil
}

// asked are the names that hosts, groups and node sets give, before any is taken away.
func (v *Inventory) asked(s Selection) ([]string, error) {
	names := slices.Clone(s.Hosts)
	asked := len(names) > 0
	for _, list := range s.On {
		for group := range strings.SplitSeq(list, ",") {
			asked = true
			members, err := nodeset.Parse("@"+strings.TrimPrefix(strings.TrimSpace(group), "@"), v.Group)
			if err != nil {
				return nil, err
			}
			names = append(names, members...)
		}
	}
	for _, w := range s.Where {
		if first := strings.TrimLeft(w, ", "); !asked && (strings.HasPrefix(first, "!") || strings.HasPrefix(first, "&")) {
			names = v.order // which it narrows
		}
		asked = true
		var err error
		if names, err = nodeset.Change(names, w, v.Group); err != nil {
			return nil, err
		}
	}
	switch {
	case asked:
		return names, nil
	case s.Among != nil && len(v.order) == 0:
		return s.Among, nil
	}
	return v.order, nil
}

func set(names []string) map[string]bool {
	has := make(map[string]bool, len(names))
	for _, n := range names {
		has[n] = true
	}
	return has
}
