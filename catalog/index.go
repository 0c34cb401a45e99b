package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
)

// index finds vertices by address.
type index struct {
	exact     map[resources.Address]int
	instances map[resources.Address][]int // by the address without its instance
	modules   map[string][]int            // by module path, with and without instance keys; filled when first asked
	entries   []*Entry
	alias     map[resources.Address]resources.Address
}

func newIndex(entries []*Entry, alias map[resources.Address]resources.Address) *index {
	x := &index{
		exact:     make(map[resources.Address]int, len(entries)),
		instances: map[resources.Address][]int{},
		entries:   entries,
		alias:     alias,
	}
	for v, e := range entries {
		x.exact[e.Addr] = v
		if e.Addr.Instance != "" {
			a := e.Addr
			a.Instance = ""
			x.instances[a] = append(x.instances[a], v)
		}
	}
	return x
}

func (x *index) find(a resources.Address) []int {
	if a.Type == "" {
		return x.module(a.Module)
	}
	if to, ok := x.alias[a]; ok {
		a = to
	}
	if v, ok := x.exact[a]; ok {
		return []int{v}
	}
	return x.instances[a]
}

func (x *index) module(path string) []int {
	if x.modules == nil {
		x.modules = map[string][]int{}
		for v, e := range x.entries {
			for m := e.Addr.Module; m != ""; m = ParentModule(m) {
				x.modules[m] = append(x.modules[m], v)
				if plain, ok := strings.CutSuffix(m, "]"); ok {
					plain = plain[:strings.LastIndexByte(plain, '[')]
					x.modules[plain] = append(x.modules[plain], v)
				}
			}
		}
	}
	return x.modules[path]
}

// ParentModule cuts the last step off the path of a module, "" of one that the root calls. Keys in brackets are quoted and may hold dots.
func ParentModule(m string) string {
	quoted := false
	for i := len(m) - 1; i >= 0; i-- {
		switch {
		case m[i] == '"' && (i == 0 || m[i-1] != '\\'):
			quoted = !quoted
		case !quoted && strings.HasPrefix(m[i:], "module.") && (i == 0 || m[i-1] == '.'):
			return strings.TrimSuffix(m[:i], ".")
		}
	}
	return ""
}

// undeclared is the problem of a reference to what is not there.
func (b *builder) undeclared(a resources.Address, pos resources.Pos) Problem {
	p := Problem{Pos: pos, Summary: "reference to undeclared resource", Detail: fmt.Sprintf("no %s is declared.", a)}
	if near := b.near(a); near != "" {
		p.Detail = fmt.Sprintf("no %s is declared; did you mean `%s`?", a, near)
	}
	return p
}

// near finds the declared address of the same type whose title is most like a's.
func (b *builder) near(a resources.Address) string {
	var candidates []string
	for _, e := range b.entries {
		if e.Addr.Module == a.Module && e.Addr.Type == a.Type {
			c := e.Addr
			if a.Instance == "" {
				c.Instance = ""
			}
			candidates = append(candidates, c.String())
		}
	}
	slices.Sort(candidates)
	return resources.Nearest(a.String(), slices.Compact(candidates))
}
