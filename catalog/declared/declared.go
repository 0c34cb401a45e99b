// Package declared reads back what the entries of a catalog declare: attributes as text, a sum by which two declarations are told apart, the block that
// would remove a resource, and the difference between two catalogs.
//
// Attributes are the fields with an `hcl` tag that are set, and the metaparameters that are no relations. Texts are as in a manifest, strings without
// their quotes.
package declared

import (
	"crypto/sha256"
	"encoding/binary"
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
	"github.com/nodeapply/apply/resources/address"
	"github.com/nodeapply/apply/resources/tag"
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
	plain    bool // a string that is its own text
}

// fieldsOf lists the attributes of a type, once.
func (r *Reader) fieldsOf(t reflect.Type) []field {
	if fs, ok := r.fields[t]; ok {
		return fs
	}
	var fs []field
	for _, a := range tag.Attributes(t) {
		fs = append(fs, field{
			name: a.Name, index: a.Field.Index, title: a.Is("title"), required: a.Is("required"),
			plain: a.Field.Type.Kind() == reflect.String && !a.Field.Type.Implements(reflect.TypeFor[fmt.Stringer]()),
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
	r.each(e, func(name, text string) { out = append(out, Attr{name, text}) })
	return out
}

// each calls add for each attribute that is set.
func (r *Reader) each(e *catalog.Entry, add func(name, text string)) {
	if rewrite := r.Rewrite; rewrite != nil {
		plain := add
		add = func(name, text string) { plain(name, rewrite(text)) }
	}
	if e.Resource != nil {
		v := reflect.ValueOf(e.Resource).Elem()
		fields := r.fieldsOf(v.Type())
		for i := range fields {
			f := &fields[i]
			switch fv := v.FieldByIndex(f.index); {
			case fv.IsZero():
			case f.plain:
				add(f.name, fv.String())
			default:
				add(f.name, text(fv, false))
			}
		}
	} else if e.Deferred != nil {
		for _, c := range e.Deferred.Preview {
			add(c.Attr, c.To)
		}
	}
	metaparameters(&e.Options, add)
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
			return address.Quote(v.String())
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
			parts = append(parts, address.Quote(k)+" = "+members[k])
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

// Sum tells declarations apart.
type Sum [16]byte

// String is 32 hexadecimal digits.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Sums gives each entry a sum of what it declares, in the order of the entries, and one of all of them.
func (r *Reader) Sums(entries []*catalog.Entry) (each []Sum, all Sum) {
	whole := sha256.New()
	each = make([]Sum, len(entries))
	var buf []byte
	put := func(text string) {
		buf = append(binary.AppendUvarint(buf, uint64(len(text))), text...)
	}
	for i, e := range entries {
		buf = buf[:0]
		for _, part := range [...]string{e.Addr.Module, e.Addr.Type, e.Addr.Title, e.Addr.Instance} {
			put(part)
		}
		r.each(e, func(name, text string) { put(name); put(text) })
		for _, name := range e.Sensitive {
			put(name)
		}
		sum := sha256.Sum256(buf)
		each[i] = Sum(sum[:16])
		whole.Write(each[i][:])
	}
	return each, Sum(whole.Sum(nil)[:16])
}
