package monkey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A value of an attribute is a string, a number, a boolean, a []any, an attrs (an object), or one of these.
type (
	expr     string // an expression of the language
	keyword  string // a word of the language
	template string // what is between the quotes of a template
	refs     struct {
		in      string // the module that they are in
		to      []*item
		modules []string // all that is in them
	}
)

type attr struct {
	name  string
	value any
	of    []*item // what an expression refers to: without it there is no such attribute
	extra bool    // the resource is one without it
}

type attrs []attr

// block is a block of a manifest.
type block struct {
	typ   string
	label string // "": none
	attrs attrs
}

// hcl is the native syntax of blocks.
func hcl(blocks []block) string {
	var b strings.Builder
	for _, k := range blocks {
		b.WriteString(k.typ)
		if k.label != "" {
			b.WriteString(" " + quoted(k.label))
		}
		b.WriteString(" {\n")
		for _, a := range k.attrs {
			if inner, ok := a.value.(attrs); ok && a.name == "validation" {
				fmt.Fprintf(&b, "  validation {\n    condition = %s\n    error_message = %s\n  }\n", hclValue(inner[0].value), hclValue(inner[1].value))
				continue
			}
			fmt.Fprintf(&b, "  %s = %s\n", a.name, hclValue(a.value))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func hclValue(v any) string {
	switch v := v.(type) {
	case expr:
		return string(v)
	case keyword:
		return string(v)
	case template:
		return `"` + strings.ReplaceAll(string(v), "\n", `\n`) + `"`
	case string:
		return quoted(v)
	case refs:
		return "[" + strings.Join(v.names(), ", ") + "]"
	case []any:
		return "[" + listed(v, hclValue) + "]"
	case attrs:
		return "{ " + listed(v, func(a attr) string { return quoted(a.name) + " = " + hclValue(a.value) }) + " }"
	}
	return fmt.Sprint(v)
}

// listed is the text of each, with commas between them.
func listed[T any](all []T, text func(T) string) string {
	each := make([]string, len(all))
	for i, one := range all {
		each[i] = text(one)
	}
	return strings.Join(each, ", ")
}

var templates = strings.NewReplacer("${", "$${", "%{", "%%{")

// quoted is a string as a literal of the language.
func quoted(s string) string { return templates.Replace(strconv.Quote(s)) }

func (r refs) names() []string {
	var all []string
	for _, i := range r.to {
		all = append(all, i.reference(r.in))
	}
	for _, m := range r.modules {
		all = append(all, "module."+m)
	}
	return all
}

// jsonSyntax is the same manifest in JSON.
func jsonSyntax(blocks []block) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for n, k := range blocks {
		if n > 0 {
			b.WriteString(",\n")
		}
		body := jsonValue(k.attrs)
		if k.label != "" {
			body = fmt.Sprintf("{%s: %s}", encoded(k.label), body)
		}
		fmt.Fprintf(&b, "{%s: %s}", encoded(k.typ), body)
	}
	b.WriteString("]\n")
	return b.Bytes()
}

func jsonValue(v any) string {
	switch v := v.(type) {
	case expr:
		return encoded("${" + string(v) + "}")
	case keyword:
		return encoded(string(v))
	case template:
		return encoded(string(v))
	case string:
		return encoded(templates.Replace(v))
	case refs:
		b, _ := json.Marshal(v.names())
		return string(b)
	case []any:
		return "[" + listed(v, jsonValue) + "]"
	case attrs:
		return "{" + listed(v, func(a attr) string { return encoded(a.name) + ": " + jsonValue(a.value) }) + "}"
	}
	return fmt.Sprint(v)
}

func encoded(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
