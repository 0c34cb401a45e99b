package declared

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/address"
)

// Held is what an entry has brought to the node and would leave there.
type Held struct {
	Names   []string // what its naming attribute names, else its title
	Removal []Attr   // what a block for one of these names has to declare so that it is removed; empty where that cannot be declared
}

// Held tells what an entry holds: nothing where it only does something (a command), or declares that something is absent.
func (r *Reader) Held(e *catalog.Entry) Held {
	if e.Resource == nil {
		return Held{}
	}
	v := reflect.ValueOf(e.Resource).Elem()
	set := map[string]string{}
	h := Held{}
	var needed []Attr
	removable, secret := false, false
	for _, f := range r.fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.index)
		removable = removable || f.name == "ensure"
		if fv.IsZero() {
			continue
		}
		set[f.name] = text(fv, false)
		switch {
		case f.title:
		case f.required || distinguishes(e.Addr.Type, f.name):
			needed = append(needed, Attr{f.name, text(fv, true)})
			secret = secret || slices.Contains(e.Sensitive, f.name)
		}
	}
	_, identified := e.Resource.(resources.Identified)
	_, command := e.Resource.(resources.Conditional)
	_, limit := e.Resource.(resources.Limiter)
	switch {
	case command || limit || !removable && !identified, set["ensure"] == "absent", set["ensure"] == "purged", set["ensure"] == "unmounted":
		return Held{}
	case removable && !secret: // a block that would show a secret is not kept
		h.Removal = append(needed, removal(e.Addr.Type, set)...)
	}
	h.Names = r.Names(e)
	return h
}

// Names are the things of the node that an entry's naming attribute names, the title where there is none.
func (r *Reader) Names(e *catalog.Entry) []string {
	if e.Resource == nil {
		return []string{e.Addr.Title}
	}
	v := reflect.ValueOf(e.Resource).Elem()
	for _, f := range r.fieldsOf(v.Type()) {
		if fv := v.FieldByIndex(f.index); f.title && !fv.IsZero() {
			return names(fv)
		}
	}
	return []string{e.Addr.Title}
}

// Named says whether the entry's type has a naming attribute.
func (r *Reader) Named(e *catalog.Entry) bool {
	return e.Resource == nil || slices.ContainsFunc(r.fieldsOf(reflect.ValueOf(e.Resource).Elem().Type()), func(f field) bool { return f.title })
}

// Which is what, beside its name, says which thing of the node an entry is about: the user of a job, the file of a line.
func (r *Reader) Which(e *catalog.Entry) string {
	if e.Resource == nil {
		return ""
	}
	v := reflect.ValueOf(e.Resource).Elem()
	var attrs []Attr
	for _, f := range r.fieldsOf(v.Type()) {
		if fv := v.FieldByIndex(f.index); !fv.IsZero() && !f.title {
			attrs = append(attrs, Attr{f.name, text(fv, true)})
		}
	}
	return Which(e.Addr.Type, attrs)
}

// Which is the same of the attributes of a block, such as one that removes the thing.
func Which(kind string, attrs []Attr) string {
	var b strings.Builder
	for _, a := range attrs {
		if !distinguishes(kind, a.Name) {
			continue
		}
		value := a.Text
		if kind == "host" && a.Name == "ip" {
			value = family(value)
		}
		b.WriteString(a.Name + " = " + value + "\n")
	}
	return b.String()
}

// family is the kind of an address: a host has an entry for each, and another address of the kind is a change of it.
func family(ip string) string {
	if strings.Contains(ip, ":") {
		return "IPv6"
	}
	return "IPv4"
}

// distinguishes says which attributes, beside the naming and the required ones, say which thing of the node is meant.
func distinguishes(kind, attr string) bool {
	switch attr {
	case "provider":
		return true
	case "user":
		return kind == "cron" || kind == "authorized_key"
	case "target":
		return kind == "host" || kind == "repo"
	case "ip": // of which kind the address is
		return kind == "host"
	case "path", "line", "match":
		return kind == "line"
	case "type", "key":
		return kind == "authorized_key"
	}
	return false
}

// removal is what takes a thing away; set are the attributes that brought it.
func removal(kind string, set map[string]string) []Attr {
	switch {
	case kind == "service":
		return []Attr{{"ensure", `"stopped"`}, {"enable", "false"}}
	case kind == "file" && (set["ensure"] == "directory" || set["recurse"] == "true"):
		return []Attr{{"ensure", `"absent"`}, {"force", "true"}}
	}
	return []Attr{{"ensure", `"absent"`}}
}

// names reads a naming attribute: one name, or a list of them.
func names(v reflect.Value) []string {
	if v.Kind() != reflect.Slice {
		return []string{text(v, false)}
	}
	out := make([]string, v.Len())
	for i := range out {
		out[i] = text(v.Index(i), false)
	}
	return out
}

// Blocks writes the blocks that declare removals, each with an address of its own.
type Blocks struct {
	Types []resources.Type
	taken map[[2]string]bool // kind and title
}

// Block writes the block that removes what has a name. Several things may have one (an address of either kind, a job of each user): all but the first
// get a title beside it.
func (b *Blocks) Block(kind, name string, attrs []Attr) string {
	title := name
	for n := 2; b.taken[[2]string{kind, title}]; n++ {
		title = fmt.Sprintf("%s %d", name, n)
	}
	if b.taken == nil {
		b.taken = map[[2]string]bool{}
	}
	b.taken[[2]string{kind, title}] = true
	if naming := b.naming(kind); naming != "" && title != name {
		attrs = append([]Attr{{naming, address.Quote(name)}}, attrs...)
	}
	width := 0
	for _, a := range attrs {
		width = max(width, len(a.Name))
	}
	var out strings.Builder
	out.WriteString(kind + " " + address.Quote(title) + " {\n")
	for _, a := range attrs {
		out.WriteString("  " + a.Name + strings.Repeat(" ", width-len(a.Name)) + " = " + a.Text + "\n")
	}
	out.WriteString("}\n")
	return out.String()
}

// naming is the attribute that a title stands for, "" where it stands for none.
func (b *Blocks) naming(kind string) string {
	i := slices.IndexFunc(b.Types, func(t resources.Type) bool { return t.Name == kind })
	if i < 0 {
		return ""
	}
	for _, f := range (&Reader{}).fieldsOf(reflect.TypeOf(b.Types[i].New("")).Elem()) {
		if f.title {
			return f.name
		}
	}
	return ""
}
