// Package declared reads back what the entries of a catalog declare: attributes as text, a sum by which two declarations are told apart, the block that
// would remove a resource, and the difference between two catalogs.
//
// Attributes are the fields with an `hcl` tag that are set, and the metaparameters that are no relations. Texts are as in a manifest, strings without
// their quotes.
package declared

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// Attr is one attribute that is set.
type Attr struct {
	Name string
	Text string // as it is, also if it is sensitive
}

// Reader reads declarations. It may be used by one goroutine at a time.
type Reader struct {
	// Rewrite, if not nil, changes texts before they are used: what names a folder that is another one each time.
	Rewrite func(text string) string

	fields map[reflect.Type][]field
}

type field struct {
	name     string
	index    []int
	title    bool
	required bool
}

// fieldsOf lists the attributes of a type, once.
func (r *Reader) fieldsOf(t reflect.Type) []field {
	if fs, ok := r.fields[t]; ok {
		return fs
	}
	var fs []field
	for _, sf := range reflect.VisibleFields(t) {
		tag, ok := sf.Tag.Lookup("hcl")
		if !ok || !sf.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		fs = append(fs, field{
			name: name, index: sf.Index,
			title:    strings.Contains(","+options+",", ",title,"),
			required: strings.Contains(","+options+",", ",required,"),
		})
	}
	slices.SortFunc(fs, func(a, b field) int { return strings.Compare(a.name, b.name) })
	if r.fields == nil {
		r.fields = map[reflect.Type][]field{}
	}
	r.fields[t] = fs
	return fs
}

// Attrs lists the attributes of an entry that are set, in lexical order, metaparameters after them. Of a deferred one they are what is known.
func (r *Reader) Attrs(e *catalog.Entry) []Attr {
	var out []Attr
	add := func(name, text string) {
		if r.Rewrite != nil {
			text = r.Rewrite(text)
		}
		out = append(out, Attr{name, text})
	}
	if e.Resource != nil {
		v := reflect.ValueOf(e.Resource).Elem()
		for _, f := range r.fieldsOf(v.Type()) {
			if fv := v.FieldByIndex(f.index); !fv.IsZero() {
				add(f.name, text(fv, false))
			}
		}
	} else if e.Deferred != nil {
		for _, c := range e.Deferred.Preview {
			add(c.Attr, c.To)
		}
	}
	metaparameters(&e.Options, add)
	return out
}

func metaparameters(o *catalog.Options, add func(name, text string)) {
	if o.Off {
		add("when", "false")
	}
	for _, m := range []struct {
		name string
		list []string
	}{{"unless", o.Unless}, {"onlyif", o.OnlyIf}, {"tags", o.Tags}} {
		if len(m.list) > 0 {
			add(m.name, text(reflect.ValueOf(m.list), false))
		}
	}
	if o.Timeout != 0 {
		add("timeout", o.Timeout.String())
	}
	if o.Tries > 1 {
		add("tries", strconv.Itoa(o.Tries))
	}
	if o.TrySleep != 0 {
		add("try_sleep", o.TrySleep.String())
	}
	if o.Noop {
		add("noop", "true")
	}
}

// text writes a value; strings inside lists and maps are quoted.
func text(v reflect.Value, quoted bool) string {
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case resources.Duration:
			return time.Duration(x).String()
		case fmt.Stringer:
			return x.String()
		}
	}
	switch v.Kind() {
	case reflect.String:
		if quoted {
			return resources.Quote(v.String())
		}
		return v.String()
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return ""
		}
		return text(v.Elem(), quoted)
	case reflect.Slice, reflect.Array:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = text(v.Index(i), true)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		members := map[string]string{}
		for it := v.MapRange(); it.Next(); {
			members[text(it.Key(), false)] = text(it.Value(), true)
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(members)) {
			parts = append(parts, resources.Quote(k)+" = "+members[k])
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				parts = append(parts, strings.ToLower(f.Name)+" = "+text(v.Field(i), true))
			}
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(v)
}

// Sums gives each entry a sum of what it declares, 32 hexadecimal digits, in the order of the entries, and one of all of them.
func (r *Reader) Sums(entries []*catalog.Entry) (each []string, all string) {
	whole := sha256.New()
	each = make([]string, len(entries))
	var buf []byte
	for i, e := range entries {
		buf = append(buf[:0], e.Addr.String()...)
		for _, a := range r.Attrs(e) {
			buf = fmt.Appendf(buf, "\x00%s\x00%d\x00%s", a.Name, len(a.Text), a.Text)
		}
		sum := sha256.Sum256(buf)
		whole.Write(sum[:16])
		each[i] = hex.EncodeToString(sum[:16])
	}
	return each, hex.EncodeToString(whole.Sum(nil)[:16])
}
