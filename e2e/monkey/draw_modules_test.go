package monkey

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// call is how a module is called.
type call struct {
	many  attr             // count or for_each, of one instance
	attrs attrs            // metaparameters
	rels  map[string][]int // relations with resources of the root module, by their numbers
	word  *int             // the command whose output is an input
}

// call is the block that calls a module.
func (s *scene) call(name string) block {
	c := s.calls[name]
	b := block{"module", name, attrs{{name: "source", value: "./" + name}, {name: "dir", value: expr("var.dir")}, {name: "word", value: template("in ${var.word}")}}}
	numbered := func(n int) *item {
		at := slices.IndexFunc(s.items, func(i *item) bool { return i.n == n })
		if at < 0 {
			return nil
		}
		return s.items[at]
	}
	if c.word != nil {
		if e := numbered(*c.word); e != nil {
			b.attrs[2].value = template("in ${nonsensitive(trimspace(" + e.reference("") + ".stdout))}")
		}
	}
	if c.many.name != "" {
		b.attrs = append(b.attrs, c.many)
	}
	b.attrs = append(b.attrs, c.attrs...)
	for _, rel := range slices.Sorted(maps.Keys(c.rels)) {
		var to refs
		for _, n := range c.rels[rel] {
			if i := numbered(n); i != nil {
				to.to = append(to.to, i)
			}
		}
		if len(to.to) > 0 {
			b.attrs = append(b.attrs, attr{name: rel, value: to})
		}
	}
	return b
}

// call draws how the modules are called.
func (p *pen) call() {
	p.s.calls = map[string]*call{}
	for _, name := range []string{"m", "n"} {
		all := slices.DeleteFunc(slices.Clone(p.s.items), func(i *item) bool { return i.module != name })
		if len(all) == 0 {
			continue
		}
		c := &call{rels: map[string][]int{}}
		p.s.calls[name] = c
		key := ""
		switch p.IntN(4) {
		case 0:
			key, c.many = "[0]", attr{name: "count", value: expr("local.on ? 1 : 0")}
		case 1:
			key, c.many = `["only one"]`, attr{name: "for_each", value: expr(`toset(["only one"])`)}
		}
		for _, i := range all {
			i.key = key
		}
		if p.chance(6) {
			c.attrs = append(c.attrs, attr{name: "tags", value: []any{p.one("red", "green")}})
		}
		if p.chance(6) {
			c.attrs = append(c.attrs, attr{name: "when", value: expr(p.one("true", "local.on", `var.word == "word"`))})
		}
		if p.chance(6) {
			c.attrs = append(c.attrs, attr{name: "onlyif", value: template("test -d ${var.dir}/tree")})
		}
		if p.chance(8) {
			c.attrs = append(c.attrs, attr{name: "timeout", value: "2m"})
		}
		if p.chance(8) && !slices.ContainsFunc(all, func(i *item) bool { return p.needed(i) }) {
			c.attrs = append(dropped(c.attrs, "when"), attr{name: "noop", value: true})
			if p.chance(2) {
				c.attrs[len(c.attrs)-1] = attr{name: "when", value: expr("!local.on")}
			}
			for _, i := range all {
				i.idle = true
			}
		}
		p.callRelations(name, c, all[0].n, all[len(all)-1].n)
		p.lateInput(c, all)
	}
}

// needed: whether others find what it makes.
func (p *pen) needed(i *item) bool {
	return slices.ContainsFunc(p.folders, func(f folder) bool { return len(i.writes) > 0 && f.path == i.writes[0] }) || i.shared != ""
}

// callRelations draws what comes before and after all that is in a module, which is between two numbers.
func (p *pen) callRelations(name string, c *call, lo, hi int) {
	for _, i := range p.s.items {
		if i.module != "" || !p.chance(8) {
			continue
		}
		inCall := p.chance(2)
		rel := ""
		switch {
		case i.n < lo && inCall:
			rel = p.one("require", "subscribe")
		case i.n < lo:
			rel = p.one("before", "notify")
		case i.n > hi && inCall:
			rel = p.one("before", "notify")
		case i.n > hi:
			rel = p.one("require", "subscribe")
		default:
			continue
		}
		if inCall {
			c.rels[rel] = append(c.rels[rel], i.n)
			continue
		}
		if i.whole == nil {
			i.whole = map[string][]string{}
		}
		i.whole[rel] = append(i.whole[rel], name)
	}
}

// lateInput gives a module what a command of the root module prints. Without the command, what is made of that is not declared: it would be another.
func (p *pen) lateInput(c *call, all []*item) {
	e := slices.IndexFunc(p.s.items, func(i *item) bool {
		return i.module == "" && i.typ == "exec" && i.always && !i.fails && i.n < all[0].n
	})
	if e < 0 || !p.chance(3) {
		return
	}
	c.word = &p.s.items[e].n
	for _, i := range all {
		late := func(a attr) bool {
			text := fmt.Sprint(a.value)
			return strings.Contains(text, "var.word") || strings.Contains(text, "local.lines")
		}
		i.attrs = slices.DeleteFunc(i.attrs, func(a attr) bool { return a.name == "when" && late(a) })
		for n, a := range i.attrs {
			if late(a) {
				i.late = true
				i.attrs[n].of = append(a.of, p.s.items[e])
			}
		}
	}
}

// tagged: whether a resource has a tag, by itself or by its module.
func (s *scene) tagged(i *item, tag string) bool {
	all := i.attrs
	if c := s.calls[i.module]; c != nil {
		all = slices.Concat(all, c.attrs)
	}
	return slices.ContainsFunc(all, func(a attr) bool {
		list, ok := a.value.([]any)
		return ok && a.name == "tags" && slices.Contains(list, any(tag))
	})
}
