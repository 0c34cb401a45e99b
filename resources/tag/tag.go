// Package tag reads which attributes a resource type has off the `hcl` tags of its struct, which package resources describes.
package tag

import (
	"reflect"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
)

// Attribute is one of a type.
type Attribute struct {
	Name    string
	Options []string // "title", "required", ...
	Field   reflect.StructField
}

// Attributes lists the attributes of a struct, in the order of its fields, those of what it embeds among them.
func Attributes(t reflect.Type) []Attribute {
	var list []Attribute
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("hcl")
		if !ok || !f.IsExported() {
			continue
		}
		name, options, some := strings.Cut(tag, ",")
		a := Attribute{Name: name, Field: f}
		if some {
			a.Options = strings.Split(options, ",")
		}
		list = append(list, a)
	}
	return list
}

// Is says whether an attribute has an option.
func (a Attribute) Is(option string) bool { return slices.Contains(a.Options, option) }

// In is what r, a pointer to the attribute's struct, has for it.
func (a Attribute) In(r resources.Resource) reflect.Value {
	return reflect.ValueOf(r).Elem().FieldByIndex(a.Field.Index)
}
