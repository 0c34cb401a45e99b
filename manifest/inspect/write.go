package inspect

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// WriteTo writes the manifest in native syntax.
func (m *Manifest) WriteTo(w io.Writer) (int64, error) {
	file := hclwrite.NewEmptyFile()
	for i, b := range m.blocks {
		if i > 0 {
			file.Body().AppendNewline()
		}
		body := file.Body().AppendNewBlock(b.kind, []string{b.title}).Body()
		for _, a := range m.once(b) {
			body.SetAttributeValue(a.name, a.value)
		}
	}
	return file.WriteTo(w)
}

// WriteJSON writes the manifest in JSON syntax, in one line.
func (m *Manifest) WriteJSON(w io.Writer) (int64, error) {
	types := map[string]map[string]map[string]json.RawMessage{}
	for _, b := range m.blocks {
		if types[b.kind] == nil {
			types[b.kind] = map[string]map[string]json.RawMessage{}
		}
		attrs := map[string]json.RawMessage{}
		for _, a := range m.once(b) {
			literal := escaped(a.value)
			text, err := ctyjson.Marshal(literal, literal.Type())
			if err != nil {
				return 0, err
			}
			attrs[a.name] = text
		}
		types[b.kind][b.title] = attrs
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(types); err != nil {
		return 0, err
	}
	return line.WriteTo(w)
}

// escaped is a value as JSON syntax has it, in which texts and keys are templates.
func escaped(v cty.Value) cty.Value {
	literal := strings.NewReplacer("${", "$${", "%{", "%%{")
	switch t := v.Type(); {
	case v.IsNull():
		return v
	case t == cty.String:
		return cty.StringVal(literal.Replace(v.AsString()))
	case t.IsMapType() || t.IsObjectType():
		out := map[string]cty.Value{}
		for key, value := range v.Elements() {
			out[literal.Replace(key.AsString())] = escaped(value)
		}
		return cty.ObjectVal(out)
	case v.CanIterateElements():
		var out []cty.Value
		for _, value := range v.Elements() {
			out = append(out, escaped(value))
		}
		return cty.TupleVal(out)
	}
	return v
}

// once are the attributes of a block, without members of a group where their users say it: each of the two would come after the other.
func (m *Manifest) once(b *block) []attr {
	attrs := slices.Clone(b.attrs)
	i := slices.IndexFunc(attrs, func(a attr) bool { return b.kind == "group" && a.name == "members" })
	if i < 0 || attrs[i].value.LengthInt() == 0 {
		return attrs
	}
	var others []cty.Value
	for _, name := range attrs[i].value.AsValueSlice() {
		if !m.users[name.AsString()] {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return slices.Delete(attrs, i, i+1)
	}
	attrs[i].value = cty.ListVal(others)
	return attrs
}
