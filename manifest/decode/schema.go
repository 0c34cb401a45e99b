// Package decode puts values of the manifest language into the structs of resource types, and reads them back.
//
// What the attributes of a type are is found once, by reflection over its struct and the `hcl` tags that package resources describes.
package decode

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/tag"
)

// Schema is what the language may say about one resource type.
type Schema struct {
	Type   resources.Type
	fields map[string]*Field
	names  []string
}

// Field is one attribute of a type.
type Field struct {
	Name     string
	Title    bool // the naming attribute
	Required bool
	Public   bool // may not hold a sensitive value
	Secret   bool // is sensitive whether or not the manifest says so
	Plain    bool // a string, number or boolean without a way of its own to read values
	filled   bool // an empty text is none: what is not set holds it
	index    []int
	set      setter
}

// NewSchema reads the attributes of a type. An error is a mistake of the type's author.
func NewSchema(t resources.Type) (*Schema, error) {
	if !address.IsIdentifier(t.Name) {
		return nil, fmt.Errorf("type %q: the name is no identifier", t.Name)
	}
	if t.New == nil {
		return nil, fmt.Errorf("type %s: New is not set", t.Name)
	}
	rt := reflect.TypeOf(t.New(""))
	if rt == nil || rt.Kind() != reflect.Pointer || rt.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("type %s: New returns %v, want a pointer to a struct", t.Name, rt)
	}
	s := &Schema{Type: t, fields: map[string]*Field{}}
	for _, a := range tag.Attributes(rt.Elem()) {
		f, err := newField(a)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", t.Name, err)
		}
		s.fields[f.Name] = f
	}
	s.names = slices.Sorted(maps.Keys(s.fields))
	return s, nil
}

func newField(a tag.Attribute) (*Field, error) {
	f := &Field{Name: a.Name, index: a.Field.Index, filled: a.Field.Type.Kind() != reflect.Pointer && a.Field.Type != anything}
	for _, option := range a.Options {
		switch option {
		case "title":
			f.Title = true
		case "required":
			f.Required = true
		case "public":
			f.Public = true
		case "secret":
			f.Secret = true
		case "empty":
			f.filled = false
		default:
			return nil, fmt.Errorf("field %s: unknown option %q in its tag", a.Field.Name, option)
		}
	}
	set, err := setterFor(a.Field.Type)
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", a.Field.Name, err)
	}
	f.set = set
	switch a.Field.Type {
	case reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int]():
		f.Plain = true
	}
	return f, nil
}

// Field returns the attribute of that name, nil if there is none.
func (s *Schema) Field(name string) *Field { return s.fields[name] }

// Names lists the attributes in lexical order.
func (s *Schema) Names() []string { return s.names }

// Set puts v, which is known, not null and not marked, into the field of r. A value that does not fit is an error that says what is wanted.
func (f *Field) Set(r resources.Resource, v cty.Value) error {
	if f.filled && v.Type() == cty.String && v.AsString() == "" {
		return errors.New("an empty string is no value here; leave the attribute out, or set it to null")
	}
	return f.set(reflect.ValueOf(r).Elem().FieldByIndex(f.index), v)
}

// Get returns what the field of r holds: null for a nil pointer, slice, map or interface, and for a text that is not set.
func (f *Field) Get(r resources.Resource) cty.Value {
	v := reflect.ValueOf(r).Elem().FieldByIndex(f.index)
	if f.filled && v.Kind() == reflect.String && v.Len() == 0 {
		return cty.NullVal(cty.String)
	}
	return goValue(v)
}

// Schemas are the resource types by name.
type Schemas map[string]*Schema

// Known says whether there is a resource type of that name.
func (s Schemas) Known(name string) bool { return s[name] != nil }

// Names lists the resource types in lexical order.
func (s Schemas) Names() []string { return slices.Sorted(maps.Keys(s)) }

// NewSchemas reads all types. An error is a mistake of a type's author.
func NewSchemas(types []resources.Type) (Schemas, error) {
	all := Schemas{}
	for _, t := range types {
		s, err := NewSchema(t)
		if err != nil {
			return nil, err
		}
		all[t.Name] = s
	}
	return all, nil
}
