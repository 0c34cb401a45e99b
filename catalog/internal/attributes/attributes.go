// Package attributes reads and compares the attributes of resources: the exported fields of their structs that have an `hcl` tag.
package attributes

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
)

// Attr is an attribute of a type.
type Attr struct {
	Name  string
	Title bool // the naming attribute
	index []int
}

// of lists the attributes of r's type, in the order of its struct.
func of(r resources.Resource) []Attr {
	var list []Attr
	for _, f := range reflect.VisibleFields(reflect.TypeOf(r).Elem()) {
		tag, ok := f.Tag.Lookup("hcl")
		if !ok || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		list = append(list, Attr{name, slices.Contains(strings.Split(options, ","), "title"), f.Index})
	}
	return list
}

// Title returns the naming attribute of r's type; ok is false if it has none.
func Title(r resources.Resource) (a Attr, ok bool) {
	return first(of(r), func(a Attr) bool { return a.Title })
}

// Value is what r has for an attribute; the zero Value if there is none of that name.
func Value(r resources.Resource, name string) reflect.Value {
	a, ok := first(of(r), func(a Attr) bool { return a.Name == name })
	if !ok {
		return reflect.Value{}
	}
	return a.In(r)
}

// In is what r, of the attribute's type, has for it.
func (a Attr) In(r resources.Resource) reflect.Value {
	return reflect.ValueOf(r).Elem().FieldByIndex(a.index)
}

// Declaration is a resource, and which of its attributes its block says something of.
type Declaration struct {
	Resource resources.Resource
	Says     func(attr string) bool
}

// Contradictions names the attributes of which two declarations of one thing, of one type, say different things. What only one of them says is none,
// nor is one path in two spellings.
func Contradictions(x, y Declaration) []string {
	var out []string
	for _, a := range differences(x.Resource, y.Resource) {
		if a.Title {
			if !samePath(a.In(x.Resource), a.In(y.Resource)) {
				out = append(out, a.Name)
			}
		} else if x.Says(a.Name) && y.Says(a.Name) {
			out = append(out, a.Name)
		}
	}
	return out
}

// Together is the resource of x with what y alone says, and which attributes that are. The two of x and y stay as they are.
func Together(x, y Declaration) (both resources.Resource, from map[string]bool) {
	both, from = clone(x.Resource), map[string]bool{}
	for _, a := range differences(x.Resource, y.Resource) {
		if !x.Says(a.Name) {
			a.In(both).Set(a.In(y.Resource))
			from[a.Name] = true
		}
	}
	return both, from
}

func samePath(x, y reflect.Value) bool {
	return x.Kind() == reflect.String && path.IsAbs(x.String()) && path.Clean(x.String()) == path.Clean(y.String())
}

// differences lists the attributes that two resources of one type have differently.
func differences(x, y resources.Resource) []Attr {
	return slices.DeleteFunc(of(x), func(a Attr) bool { return reflect.DeepEqual(a.In(x).Interface(), a.In(y).Interface()) })
}

// clone is a copy of r whose attributes can be set without changing those of r.
func clone(r resources.Resource) resources.Resource {
	out := reflect.New(reflect.TypeOf(r).Elem())
	out.Elem().Set(reflect.ValueOf(r).Elem())
	return out.Interface().(resources.Resource)
}

func first(list []Attr, is func(Attr) bool) (Attr, bool) {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], true
	}
	return Attr{}, false
}
