// Package attributes compares what declarations say of the attributes of resources.
package attributes

import (
	"path"
	"reflect"
	"slices"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/tag"
)

func of(r resources.Resource) []tag.Attribute { return tag.Attributes(reflect.TypeOf(r).Elem()) }

// Title is the naming attribute of r's type, "" if it has none.
func Title(r resources.Resource) string {
	for _, a := range of(r) {
		if a.Is("title") {
			return a.Name
		}
	}
	return ""
}

// Lists says whether the naming attribute of r's type may name several things.
func Lists(r resources.Resource) bool { return value(r, Title(r)).Kind() == reflect.Slice }

// value is what r has for an attribute; the zero Value if there is none of that name.
func value(r resources.Resource, name string) reflect.Value {
	for _, a := range of(r) {
		if a.Name == name {
			return a.In(r)
		}
	}
	return reflect.Value{}
}

// Declaration is a resource as its block declares it.
type Declaration struct {
	Resource resources.Resource
	Title    string
	Late     bool                   // it has what is known of it before the run
	Written  func(attr string) bool // whether an attribute stands in the block
}

// Says says whether the block gives an attribute a value. That something is to be there, and what the title says, is said without a word.
func (d Declaration) Says(attr string) bool {
	v, written := value(d.Resource, attr), d.Written(attr)
	tacit := attr == "ensure" || d.isTitle(v)
	return written && d.Late || (written || tacit) && !unset(v)
}

// Named says of what is late whether it is known what it is called: else its title stands in the place of a name that only the run gives.
func (d Declaration) Named() bool {
	name := Title(d.Resource)
	return name == "" || !d.Written(name) || !d.isTitle(value(d.Resource, name))
}

// isTitle says whether a value is the title, alone where several may be named.
func (d Declaration) isTitle(v reflect.Value) bool {
	if v.Kind() == reflect.Slice && v.Len() == 1 {
		v = v.Index(0)
	}
	return v.Kind() == reflect.String && v.String() == d.Title
}

// unset says that a field was not declared. Of booleans and numbers that cannot be told.
func unset(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsZero()
	}
	return false
}

// Contradictions names the attributes of which two declarations of one thing, of one type, say different things. What only one of them says is none,
// nor is one path in two spellings.
func Contradictions(x, y Declaration) []string {
	var out []string
	for _, a := range differences(x.Resource, y.Resource) {
		if a.Is("title") {
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
func differences(x, y resources.Resource) []tag.Attribute {
	return slices.DeleteFunc(of(x), func(a tag.Attribute) bool { return reflect.DeepEqual(a.In(x).Interface(), a.In(y).Interface()) })
}

// clone is a copy of r whose attributes can be set without changing those of r.
func clone(r resources.Resource) resources.Resource {
	out := reflect.New(reflect.TypeOf(r).Elem())
	out.Elem().Set(reflect.ValueOf(r).Elem())
	return out.Interface().(resources.Resource)
}
