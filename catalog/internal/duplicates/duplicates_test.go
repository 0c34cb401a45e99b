package duplicates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog/entry"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// thing is a resource that provides what a test says.
type thing struct {
	Name     string   `hcl:"name,title"`
	Mode     string   `hcl:"mode"`
	Ensure   string   `hcl:"ensure"`
	Names    []string `hcl:"names"`
	Keep     bool     `hcl:"keep"`
	provides []resources.Identity
}

func (*thing) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (*thing) Apply(context.Context, host.Host, resources.Diff) error   { return nil }
func (t *thing) Validate() error {
	if t.Mode != "" && t.Names != nil && t.Keep {
		return errors.New("mode: cannot be with names")
	}
	return nil
}
func (t *thing) Provides() []resources.Identity { return t.provides }
func (*thing) Requires() []resources.Identity   { return nil }

func path(name string) []resources.Identity { return []resources.Identity{{Kind: "path", Name: name}} }

// number is what an account provides: its name, and its number.
func number(name string) []resources.Identity {
	return []resources.Identity{{Kind: "user", Name: name}, {Kind: "uid", Name: "7"}}
}

// declare declares t.title.
func declare(line int, title string, r *thing) *entry.Entry {
	return &entry.Entry{Addr: resources.Address{Type: "t", Title: title}, Resource: r, Pos: entry.Pos{File: "main.hcl", Line: int32(line)}}
}

// Two blocks may have one address as well as one identity: what they say comes together, attributes, relations and metaparameters.
func TestTogether(t *testing.T) {
	x := path("/x")
	for _, tc := range []struct {
		name           string
		first, second  thing
		one, other     entry.Options
		want, conflict string
	}{
		{"attributes", thing{Mode: "0644"}, thing{Names: []string{"n"}}, entry.Options{}, entry.Options{}, "0644 [n], of 1 and 2", ""},
		{"tags", thing{}, thing{}, entry.Options{Tags: []string{"b", "a"}}, entry.Options{Tags: []string{"c", "a"}}, " [] tags b a c a", ""},
		{"what one alone says of attempts", thing{}, thing{}, entry.Options{Tries: 3}, entry.Options{Timeout: time.Minute, TrySleep: time.Second}, " [] 1m0s, 3 times, every 1s", ""},
		{"the same attempts", thing{}, thing{}, entry.Options{Tries: 3, Timeout: time.Minute}, entry.Options{Tries: 3, Timeout: time.Minute}, " [] 1m0s, 3 times, every 0s", ""},
		{"the same guards", thing{}, thing{}, entry.Options{Unless: []string{"x"}}, entry.Options{Unless: []string{"x"}}, " []", ""},
		{"neither managed", thing{}, thing{}, entry.Options{Off: true}, entry.Options{Off: true}, " []", ""},
		{"other attributes", thing{Mode: "0644"}, thing{Mode: "0600"}, entry.Options{}, entry.Options{}, "", "they differ in mode"},
		{"a guard of one", thing{}, thing{}, entry.Options{OnlyIf: []string{"x"}}, entry.Options{Unless: []string{"x"}}, "", "they differ in unless, onlyif"},
		{"one not managed", thing{}, thing{}, entry.Options{Off: true}, entry.Options{}, "", "they differ in when"},
		{"one reported only", thing{}, thing{}, entry.Options{}, entry.Options{Noop: true}, "", "they differ in noop"},
		{"other attempts", thing{}, thing{}, entry.Options{Tries: 3, Timeout: 1, TrySleep: 1}, entry.Options{Tries: 4, Timeout: 2, TrySleep: 2}, "", "they differ in timeout, tries, try_sleep"},
		{"a mistake together", thing{Mode: "0644", Keep: true}, thing{Names: []string{"n"}, Keep: true}, entry.Options{}, entry.Options{}, "", "mode: cannot be with names"},
	} {
		for _, title := range []string{"a", "b"} {
			if tc.name == "one not managed" && title == "b" {
				continue // what is not managed stands in nobody's way
			}
			t.Run(tc.name+", the other's title "+title, func(t *testing.T) {
				one, other := tc.first, tc.second
				one.Name, one.provides, other.Name, other.provides = "x", x, "x", x
				first, second := said(declare(1, "a", &one), given(&one)...), said(declare(2, title, &other), given(&other)...)
				first.Options, second.Options = tc.one, tc.other
				m := Merge([]*entry.Entry{first, second, declare(3, "other", &thing{})})
				if p := m.Problems; tc.conflict != "" {
					if len(p) != 1 || !strings.Contains(p[0].Detail, tc.conflict) || p[0].Pos.Line != 2 || p[0].Also[0].Line != 1 {
						t.Fatalf("want %q of both places, got %+v", tc.conflict, p)
					}
					return
				}
				if m.Problems != nil {
					t.Fatal(m.Problems)
				}
				if len(m.Entries) != 2 && !tc.one.Off {
					t.Fatalf("want one of the two, got %d entries", len(m.Entries))
				}
				e := m.Entries[0]
				got := fmt.Sprint(e.Resource.(*thing).Mode, " ", e.Resource.(*thing).Names)
				if tc.name == "attributes" {
					got += fmt.Sprintf(", of %d and %d", e.AttrPos("mode").Line, e.AttrPos("names").Line)
				}
				if len(e.Tags) > 0 {
					got += " tags " + strings.Join(e.Tags, " ")
				}
				if e.Tries > 0 {
					got += fmt.Sprintf(" %s, %d times, every %s", e.Timeout, e.Tries, e.TrySleep)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Error(diff)
				}
				if gone, ok := m.Alias[second.Addr]; !tc.one.Off && title == "b" && (!ok || gone != first.Addr) {
					t.Errorf("want %s in the place of %s, got %v", first.Addr, second.Addr, m.Alias)
				}
			})
		}
	}
}

// given lists the attributes that are not zero.
func given(r *thing) []string {
	attrs := []string{"name"}
	if r.Mode != "" {
		attrs = append(attrs, "mode")
	}
	if r.Names != nil {
		attrs = append(attrs, "names")
	}
	if r.Keep {
		attrs = append(attrs, "keep")
	}
	return attrs
}

// said gives an entry places: those attributes are in the manifest, the others have their defaults.
func said(e *entry.Entry, attrs ...string) *entry.Entry {
	e.AttrPos = func(attr string) entry.Pos {
		pos := e.Pos
		if slices.Contains(attrs, attr) {
			pos.Column = 3
		}
		return pos
	}
	return e
}

func late(e *entry.Entry) *entry.Entry {
	e.Deferred, e.Resource = &entry.Deferred{Blank: e.Resource}, nil
	return e
}

func repeated(e *entry.Entry) *entry.Entry {
	late(e).Deferred.Repeated = true
	return e
}

// What two declarations say of one thing comes together, unless they contradict each other or are a mistake together.
func TestDuplicates(t *testing.T) {
	x := path("/x")
	for _, tc := range []struct {
		name          string
		first, second *entry.Entry
		want          string // the resources
		err           string
	}{
		{"each says something", declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), declare(2, "b", &thing{Name: "x", Names: []string{"n"}, provides: x}), "x 0644 [n] false", ""},
		{"a default is not said", said(declare(1, "a", &thing{Name: "x", Mode: "default", Keep: true, provides: x}), "name"),
			said(declare(2, "b", &thing{Name: "x", Mode: "0600", provides: x}), "name", "mode", "keep"), "x 0600 [] false", ""},
		{"nor is it taken over", said(declare(1, "a", &thing{Name: "x", Mode: "0600", provides: x}), "name", "mode", "keep"),
			said(declare(2, "b", &thing{Name: "x", Mode: "default", Keep: true, provides: x}), "name"), "x 0600 [] false", ""},
		{"one path in two spellings", declare(1, "a", &thing{Name: "/x", provides: x}), declare(2, "b", &thing{Name: "//x/", Mode: "0600", provides: x}), "/x 0600 [] false", ""},
		{"both say something else", said(declare(1, "a", &thing{Name: "x", Keep: true, provides: x}), "keep"), said(declare(2, "b", &thing{Name: "x", provides: x}), "keep"), "", "they differ in keep"},
		{"a default that the title gives", said(declare(1, "a", &thing{Name: "x", Mode: "a", provides: x}), "name"), said(declare(2, "b", &thing{Name: "x", Mode: "b", provides: x}), "name"), "", "they differ in mode"},
		{"to be there is said without a word", said(declare(1, "a", &thing{Name: "x", Ensure: "present", provides: x}), "name"), said(declare(2, "b", &thing{Name: "x", Ensure: "absent", provides: x}), "ensure"), "", "they differ in ensure"},
		{"a mistake together", declare(1, "a", &thing{Name: "x", Mode: "0644", Keep: true, provides: x}), declare(2, "b", &thing{Name: "x", Names: []string{"n"}, Keep: true, provides: x}), "", "mode: cannot be with names"},
		{"one number for two", declare(1, "a", &thing{Name: "a", provides: number("a")}), declare(2, "b", &thing{Name: "b", provides: number("b")}), "", "they differ in name, and both have the uid 7"},
		{"another title that is more than a name", declare(1, "a", &thing{Name: "x", provides: x}), declare(2, "b", &thing{Name: "X", provides: x}), "", "they differ in name, and both have the path /x"},
		{"a late one says something", said(declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(declare(2, "b", &thing{Name: "x", provides: x}), "names")), "x 0644 [] false, late", ""},
		{"a late one contradicts", said(declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(declare(2, "b", &thing{Name: "x", provides: x}), "mode")), "", "they differ in mode"},
		{"a late one that may not be", said(declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(declare(2, "b", &thing{Name: "x", provides: x}), "mode", "when")), "x 0644 [] false, late", ""},
		{"a late one that its title names contradicts", said(declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(declare(2, "b", &thing{Name: "b", provides: x}), "mode")), "", "they differ in name, mode, and both have the path /x"},
		{"a late one of which there may be none", said(declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), repeated(said(declare(2, "b", &thing{Name: "b", provides: x}), "mode")), "x 0644 [] false, late", ""},
		{"a late one whose name is not known", said(declare(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(declare(2, "x", &thing{Name: "x", provides: x}), "mode", "name")), "x 0644 [] false, late", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := Merge([]*entry.Entry{tc.first, tc.second})
			err := ""
			for _, p := range m.Problems {
				err += p.Detail
				if !strings.Contains(p.Detail, "t.a at main.hcl:1 and t.b at main.hcl:2") {
					t.Errorf("want both places in %q", p.Detail)
				}
			}
			if !strings.Contains(err, tc.err) || tc.err == "" && err != "" {
				t.Fatalf("want %q, got %q", tc.err, err)
			}
			if m.Problems != nil {
				return
			}
			var got []string
			for _, e := range m.Entries {
				if e.Deferred != nil {
					got = append(got, "late")
					continue
				}
				r := e.Resource.(*thing)
				got = append(got, strings.Join(strings.Fields(fmt.Sprint(r.Name, " ", r.Mode, " ", r.Names, " ", r.Keep)), " "))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is known contradicts what is known, also where a late block was first.
func TestConflictBehindALateBlock(t *testing.T) {
	x := path("/x")
	m := Merge([]*entry.Entry{
		late(said(declare(1, "late", &thing{Name: "x", provides: x}), "names")),
		declare(2, "a", &thing{Name: "x", Mode: "0644", provides: x}),
		declare(3, "b", &thing{Name: "x", Mode: "0600", provides: x}),
	})
	if len(m.Problems) != 1 || !strings.Contains(m.Problems[0].Detail, "t.a at main.hcl:2 and t.b at main.hcl:3") {
		t.Errorf("want a conflict of a and b, got %v", m.Problems)
	}
}

// What a deferred entry has become is held against itself and against what was known before; each entry clashes once.
func TestClashes(t *testing.T) {
	x, y := path("/x"), path("/y")
	both := append(path("/x"), path("/y")...)
	known := declare(1, "known", &thing{Name: "x", Mode: "0644", provides: x})
	for _, tc := range []struct {
		name  string
		bound []*entry.Entry
		want  string // the titles that clash
	}{
		{"nothing in common", []*entry.Entry{declare(2, "a", &thing{Name: "y", provides: y})}, ""},
		{"the same as is known", []*entry.Entry{declare(2, "a", &thing{Name: "x", Mode: "0644", provides: x})}, ""},
		{"other than is known", []*entry.Entry{declare(2, "a", &thing{Name: "x", Mode: "0600", provides: x})}, "known a"},
		{"among themselves", []*entry.Entry{declare(2, "a", &thing{Name: "y", Mode: "1", provides: y}), declare(3, "b", &thing{Name: "y", Mode: "2", provides: y})}, "a b"},
		{"once each", []*entry.Entry{declare(2, "a", &thing{Name: "y", Mode: "1", provides: y}), declare(3, "b", &thing{Name: "z", Mode: "2", Keep: true, provides: both})}, "known b"},
		{"not managed", []*entry.Entry{{Addr: known.Addr, Resource: &thing{Name: "x", Mode: "0600", provides: x}, Options: entry.Options{Off: true}}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, p := range Clashes(tc.bound, func(id resources.Identity) *entry.Entry {
				if id == x[0] {
					return known
				}
				return nil
			}) {
				for _, e := range append(tc.bound, known) {
					if p.Also[0] == e.Pos {
						got = append([]string{e.Addr.Title}, got...)
					} else if p.Pos == e.Pos {
						got = append(got, e.Addr.Title)
					}
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
