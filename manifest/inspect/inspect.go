// Package inspect writes the present state of a node as a manifest whose plan is empty.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"golang.org/x/text/unicode/norm"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/nearest"
)

// Manifest is a manifest of what a node has.
type Manifest struct {
	// LeftOut is told of each resource that a listing has and that cannot be written; nil: nobody is.
	LeftOut func(address string, err error)

	types  []resources.Type
	blocks []*block
	seen   map[string]bool // addresses
	users  map[string]bool
}

// block is a resource as it is written.
type block struct {
	kind, title string
	attrs       []attr
}

type attr struct {
	name  string
	value cty.Value
}

// New returns a Manifest in which nothing is, for resources of these types.
func New(types []resources.Type) *Manifest {
	return &Manifest{types: types, seen: map[string]bool{}, users: map[string]bool{}}
}

// Add adds what is selected and not there yet. TYPE[TITLE], TYPE["TITLE"] and TYPE.TITLE are one resource; TYPE:WHAT and TYPE are all that its type
// lists, see resources.Lister. Attributes that are secret are left out.
func (m *Manifest) Add(ctx context.Context, v host.View, selection string) error {
	sel, err := parse(selection, m.types)
	if err != nil {
		return fmt.Errorf("%s: %w", selection, err)
	}
	titles, err := sel.titles(ctx, v)
	if err != nil {
		return fmt.Errorf("%s: %w", selection, err)
	}
	for _, title := range titles {
		addr := resources.Address{Type: sel.schema.Type.Name, Title: title}.String()
		if m.seen[addr] {
			continue
		}
		m.seen[addr] = true
		err := sel.write(ctx, v, title, m)
		switch {
		case err != nil && !sel.listed:
			return fmt.Errorf("%s: %w", addr, err)
		case err != nil && m.LeftOut != nil:
			m.LeftOut(addr, err)
		}
	}
	return nil
}

// selection says what of one type is meant.
type selection struct {
	schema *decode.Schema
	of     string // a title, or what is to be listed
	listed bool
}

// parse reads a selection.
func parse(s string, types []resources.Type) (*selection, error) {
	end := strings.IndexAny(s, ":.[")
	sel := &selection{of: "*", listed: true}
	name := s
	if end >= 0 {
		name, sel.of, sel.listed = s[:end], s[end+1:], s[end] == ':'
		if s[end] == '[' {
			title, ok := strings.CutSuffix(sel.of, "]")
			if !ok {
				return nil, errors.New("a bracket is not closed")
			}
			if sel.of = title; strings.HasPrefix(title, `"`) {
				a, err := address.Parse(s)
				if err != nil {
					return nil, err
				}
				sel.of = a.Title
			}
		}
	}
	if sel.of == "" {
		return nil, errors.New("want TYPE[TITLE], TYPE.TITLE or TYPE:WHAT")
	}
	t, err := typeNamed(name, types)
	if err != nil {
		return nil, err
	}
	sel.schema, err = decode.NewSchema(t)
	return sel, err
}

// typeNamed finds a type, or says which is near.
func typeNamed(name string, types []resources.Type) (resources.Type, error) {
	names := make([]string, len(types))
	for i, t := range types {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	if near := nearest.Of(name, names); near != "" {
		return resources.Type{}, fmt.Errorf("there is no type %q; did you mean `%s`?", name, near)
	}
	return resources.Type{}, fmt.Errorf("there is no type %q; there are %s", name, strings.Join(names, ", "))
}

// titles are those of the resources that are selected.
func (s *selection) titles(ctx context.Context, v host.View) ([]string, error) {
	if !s.listed {
		return []string{s.of}, nil
	}
	switch r := s.schema.Type.New("").(type) {
	case resources.Lister:
		return r.List(ctx, v, s.of)
	case resources.Inspector:
		return nil, fmt.Errorf("%s cannot list what there is: name one, %[1]s[TITLE]", s.schema.Type.Name)
	}
	return nil, s.stateless()
}

// stateless is the error of a type that cannot be inspected.
func (s *selection) stateless() error {
	return fmt.Errorf("%s has no state of its own that could be inspected: %s", s.schema.Type.Name, s.schema.Type.Stateless)
}

// write appends the block of one resource: the attributes that are not as they are by default, ensure first.
func (s *selection) write(ctx context.Context, v host.View, title string, m *Manifest) error {
	if !utf8.ValidString(title) || !norm.NFC.IsNormalString(title) {
		return errors.New("a manifest cannot hold that name: want UTF-8 in normalization form C")
	}
	r, ok := s.schema.Type.New(title).(resources.Inspector)
	if !ok {
		return s.stateless()
	}
	if err := r.Inspect(ctx, v); err != nil {
		return err
	}
	if c, ok := r.(resources.Validator); ok { // programs bear with more than a manifest does
		if err := c.Validate(); err != nil {
			return err
		}
	}
	is, plain := r.(resources.Resource), s.schema.Type.New(title)
	b := &block{kind: s.schema.Type.Name, title: title}
	set := func(name string) {
		f := s.schema.Field(name)
		value := f.Get(is)
		if f.Secret || !f.Required && value.RawEquals(f.Get(plain)) && name != "ensure" || value.IsNull() {
			return
		}
		if value.Type() == cty.String && (value.AsString() == "true" || value.AsString() == "false") {
			value = cty.BoolVal(value.AsString() == "true")
		}
		b.attrs = append(b.attrs, attr{name, value})
	}
	if f := s.schema.Field("ensure"); f != nil {
		set("ensure")
	}
	for _, name := range s.schema.Names() {
		if name != "ensure" {
			set(name)
		}
	}
	m.blocks = append(m.blocks, b)
	if b.kind == "user" {
		m.users[title] = s.schema.Field("ensure").Get(is).RawEquals(cty.StringVal("present"))
	}
	return nil
}
