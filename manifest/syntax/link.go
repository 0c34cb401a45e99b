package syntax

import (
	"maps"
	"slices"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/resources"
)

// link checks that what expressions of the module refer to is declared in it.
func (m *Module) link() {
	for _, b := range m.all() {
		repeated := b.Attr("for_each") != nil || b.Attr("count") != nil
		for i := range b.Attrs {
			a := &b.Attrs[i]
			for j := range a.Refs {
				m.linkRef(b, a, &a.Refs[j], repeated)
			}
		}
	}
}

// all lists every block whose attributes are expressions that may refer to others.
func (m *Module) all() []*Block {
	list := slices.Clone(m.Body)
	for _, v := range m.Variables {
		list = append(list, v.Inner...)
	}
	for _, group := range []map[string]*Block{m.Outputs, m.Defaults} {
		list = slices.AppendSeq(list, maps.Values(group))
	}
	return append(list, m.locals...)
}

func (m *Module) linkRef(b *Block, a *Attr, ref *reference.Ref, repeated bool) {
	undeclared := func(what string, names []string) {
		a.Bad = true
		m.errorf(ref.Range(), "Undeclared reference", "There is no %s in this module%s", what, diag.Suggest(ref.Name, names))
	}
	switch ref.Root {
	case "fact":
	case "var":
		if m.Variables[ref.Name] == nil {
			undeclared("variable `"+ref.Name+"`", slices.Sorted(maps.Keys(m.Variables)))
		}
	case "local":
		if m.Locals[ref.Name] == nil {
			undeclared("local `"+ref.Name+"`", slices.Sorted(maps.Keys(m.Locals)))
		}
	case "module":
		if m.Calls[ref.Name] == nil {
			undeclared("module `"+ref.Name+"`", slices.Sorted(maps.Keys(m.Calls)))
		}
	case "path":
		if ref.Name != "module" && ref.Name != "root" {
			a.Bad = true
			m.errorf(ref.Range(), "Undeclared reference", "There are `path.module` and `path.root`%s", diag.Suggest(ref.String(), []string{"path.module", "path.root"}))
		}
	case "each", "count":
		m.linkInstance(b, a, ref, repeated)
	default:
		if m.Resource(ref.Root, ref.Name) == nil {
			a.Bad = true
			self := resources.Address{Type: ref.Root, Title: ref.Name}.String()
			m.errorf(ref.Range(), "Undeclared reference", "There is no resource `%s` in this module%s", self, diag.Suggest(self, m.titles(ref.Root)))
		}
	}
}

// titles lists the resources of a type, as references name them.
func (m *Module) titles(kind string) []string {
	var list []string
	for _, title := range slices.Sorted(maps.Keys(m.resources[kind])) {
		list = append(list, resources.Address{Type: kind, Title: title}.String())
	}
	return list
}

func (m *Module) linkInstance(b *Block, a *Attr, ref *reference.Ref, repeated bool) {
	names, needs := []string{"key", "value"}, "for_each"
	if ref.Root == "count" {
		names, needs = []string{"index"}, "count"
	}
	switch {
	case !slices.Contains(names, ref.Name):
		a.Bad = true
		m.errorf(ref.Range(), "Undeclared reference", "`%s` has no `%s`%s", ref.Root, ref.Name, diag.Suggest(ref.Name, names))
	case b.Kind == "defaults":
	case a.Name == "for_each" || a.Name == "count" || !repeated || b.Attr(needs) == nil:
		a.Bad = true
		m.errorf(ref.Range(), "Undeclared reference", "`%s.%s` is known only in a block that has `%s`.", ref.Root, ref.Name, needs)
	}
}
