package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

// Two blocks may have one address as well as one identity: what they say comes together, attributes, relations and metaparameters.
func TestTogether(t *testing.T) {
	x := ids("path", "/x")
	for _, tc := range []struct {
		name           string
		first, second  thing
		one, other     Options
		want, conflict string
	}{
		{"attributes", thing{Mode: "0644"}, thing{Names: []string{"n"}}, Options{}, Options{}, "0644 [n], of 1 and 2", ""},
		{"tags", thing{}, thing{}, Options{Tags: []string{"b", "a"}}, Options{Tags: []string{"c", "a"}}, " [] tags b a c a", ""},
		{"what one alone says of attempts", thing{}, thing{}, Options{Tries: 3}, Options{Timeout: time.Minute, TrySleep: time.Second}, " [] 1m0s, 3 times, every 1s", ""},
		{"the same attempts", thing{}, thing{}, Options{Tries: 3, Timeout: time.Minute}, Options{Tries: 3, Timeout: time.Minute}, " [] 1m0s, 3 times, every 0s", ""},
		{"the same guards", thing{}, thing{}, Options{Unless: []string{"x"}}, Options{Unless: []string{"x"}}, " []", ""},
		{"neither managed", thing{}, thing{}, Options{Off: true}, Options{Off: true}, " []", ""},
		{"other attributes", thing{Mode: "0644"}, thing{Mode: "0600"}, Options{}, Options{}, "", "they differ in mode"},
		{"a guard of one", thing{}, thing{}, Options{OnlyIf: []string{"x"}}, Options{Unless: []string{"x"}}, "", "they differ in unless, onlyif"},
		{"one not managed", thing{}, thing{}, Options{Off: true}, Options{}, "", "they differ in when"},
		{"one reported only", thing{}, thing{}, Options{}, Options{Noop: true}, "", "they differ in noop"},
		{"other attempts", thing{}, thing{}, Options{Tries: 3, Timeout: 1, TrySleep: 1}, Options{Tries: 4, Timeout: 2, TrySleep: 2}, "", "they differ in timeout, tries, try_sleep"},
		{"a mistake together", thing{Mode: "0644", Keep: true}, thing{Names: []string{"n"}, Keep: true}, Options{}, Options{}, "", "mode: cannot be with names"},
	} {
		for _, title := range []string{"a", "b"} {
			if tc.name == "one not managed" && title == "b" {
				continue // what is not managed stands in nobody's way
			}
			t.Run(tc.name+", the other's title "+title, func(t *testing.T) {
				one, other := tc.first, tc.second
				one.Name, one.provides, other.Name, other.provides = "x", x, "x", x
				first, second := said(entry(1, "a", &one), given(&one)...), said(entry(2, title, &other), given(&other)...)
				first.Options, second.Options = tc.one, tc.other
				c, problems := build([]*Entry{first, second, entry(3, "before", &thing{}), entry(4, "after", &thing{})}, "before>a "+title+">after")
				if tc.conflict != "" {
					if len(problems) != 1 || !strings.Contains(problems[0].Detail, tc.conflict) || problems[0].Pos.Line != 2 || problems[0].Also[0].Line != 1 {
						t.Fatalf("want %q of both places, got %+v", tc.conflict, problems)
					}
					return
				}
				if problems != nil {
					t.Fatal(problems)
				}
				if len(c.Entries()) != 3 && !tc.one.Off {
					t.Fatalf("want one of the two, got %d entries", len(c.Entries()))
				}
				e := c.Entries()[0]
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
				if diff := cmp.Diff("a>after before>a", edges(c)); diff != "" && !tc.one.Off {
					t.Error(diff)
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

// TestTagsAddUp: of two blocks that declare the same, each may be chosen by its own tags.
func TestTagsAddUp(t *testing.T) {
	first, second := entry(1, "a", &thing{}), entry(2, "a", &thing{})
	first.Tags, second.Tags = []string{"x"}, []string{"y"}
	c, problems := build([]*Entry{first, second}, "")
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff([]string{"x", "y"}, c.Entries()[0].Tags); diff != "" {
		t.Error(diff)
	}
}

// said gives an entry places: those attributes are in the manifest, the others have their defaults.
func said(e *Entry, attrs ...string) *Entry {
	e.AttrPos = func(attr string) resources.Pos {
		pos := e.Pos
		if slices.Contains(attrs, attr) {
			pos.Column = 3
		}
		return pos
	}
	return e
}

func late(e *Entry) *Entry {
	e.Deferred, e.Resource = &Deferred{Blank: e.Resource}, nil
	return e
}

func repeated(e *Entry) *Entry {
	late(e).Deferred.Repeated = true
	return e
}

// What two declarations say of one thing comes together, unless they contradict each other or are a mistake together.
func TestDuplicates(t *testing.T) {
	x := ids("path", "/x")
	for _, tc := range []struct {
		name          string
		first, second *Entry
		want          string // the resources
		err           string
	}{
		{"each says something", entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), entry(2, "b", &thing{Name: "x", Names: []string{"n"}, provides: x}), "x 0644 [n] false", ""},
		{"a default is not said", said(entry(1, "a", &thing{Name: "x", Mode: "default", Keep: true, provides: x}), "name"),
			said(entry(2, "b", &thing{Name: "x", Mode: "0600", provides: x}), "name", "mode", "keep"), "x 0600 [] false", ""},
		{"nor is it taken over", said(entry(1, "a", &thing{Name: "x", Mode: "0600", provides: x}), "name", "mode", "keep"),
			said(entry(2, "b", &thing{Name: "x", Mode: "default", Keep: true, provides: x}), "name"), "x 0600 [] false", ""},
		{"one path in two spellings", entry(1, "a", &thing{Name: "/x", provides: x}), entry(2, "b", &thing{Name: "//x/", Mode: "0600", provides: x}), "/x 0600 [] false", ""},
		{"both say something else", said(entry(1, "a", &thing{Name: "x", Keep: true, provides: x}), "keep"), said(entry(2, "b", &thing{Name: "x", provides: x}), "keep"), "", "they differ in keep"},
		{"a default that the title gives", said(entry(1, "a", &thing{Name: "x", Mode: "a", provides: x}), "name"), said(entry(2, "b", &thing{Name: "x", Mode: "b", provides: x}), "name"), "", "they differ in mode"},
		{"to be there is said without a word", said(entry(1, "a", &thing{Name: "x", Ensure: "present", provides: x}), "name"), said(entry(2, "b", &thing{Name: "x", Ensure: "absent", provides: x}), "ensure"), "", "they differ in ensure"},
		{"a mistake together", entry(1, "a", &thing{Name: "x", Mode: "0644", Keep: true, provides: x}), entry(2, "b", &thing{Name: "x", Names: []string{"n"}, Keep: true, provides: x}), "", "mode: cannot be with names"},
		{"another title that is more than a name", entry(1, "a", &thing{Name: "x", provides: x}), entry(2, "b", &thing{Name: "X", provides: x}), "", "they differ in name"},
		{"a late one says something", said(entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(entry(2, "b", &thing{Name: "x", provides: x}), "names")), "x 0644 [] false, late", ""},
		{"a late one contradicts", said(entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(entry(2, "b", &thing{Name: "x", provides: x}), "mode")), "", "they differ in mode"},
		{"a late one that may not be", said(entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(entry(2, "b", &thing{Name: "x", provides: x}), "mode", "when")), "x 0644 [] false, late", ""},
		{"a late one that its title names contradicts", said(entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(entry(2, "b", &thing{Name: "b", provides: x}), "mode")), "", "they differ in name, mode"},
		{"a late one of which there may be none", said(entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), repeated(said(entry(2, "b", &thing{Name: "b", provides: x}), "mode")), "x 0644 [] false, late", ""},
		{"a late one whose name is not known", said(entry(1, "a", &thing{Name: "x", Mode: "0644", provides: x}), "mode"), late(said(entry(2, "x", &thing{Name: "x", provides: x}), "mode", "name")), "x 0644 [] false, late", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, problems := build([]*Entry{tc.first, tc.second}, "")
			err := ""
			for _, p := range problems {
				err += p.Detail
				if !strings.Contains(p.Detail, "t.a at main.hcl:1 and t.b at main.hcl:2") {
					t.Errorf("want both places in %q", p.Detail)
				}
			}
			if !strings.Contains(err, tc.err) || tc.err == "" && err != "" {
				t.Fatalf("want %q, got %q", tc.err, err)
			}
			if problems != nil {
				return
			}
			var got []string
			for _, e := range c.Entries() {
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
	x := ids("path", "/x")
	_, problems := build([]*Entry{
		late(said(entry(1, "late", &thing{Name: "x", provides: x}), "names")),
		entry(2, "a", &thing{Name: "x", Mode: "0644", provides: x}),
		entry(3, "b", &thing{Name: "x", Mode: "0600", provides: x}),
	}, "")
	if len(problems) != 1 || !strings.Contains(problems[0].Detail, "t.a at main.hcl:2 and t.b at main.hcl:3") {
		t.Errorf("want a conflict of a and b, got %v", problems)
	}
}

// A block that waits for values of the run has its place in the order by what of it is known before.
func TestMergedAddressStandsForTheFirst(t *testing.T) {
	r := func() *thing { return &thing{Name: "x", provides: ids("path", "/x")} }
	c, problems := build([]*Entry{entry(1, "a", r()), entry(2, "b", r()), entry(3, "c", &thing{})}, "b>c")
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff("a>c", edges(c)); diff != "" {
		t.Error(diff)
	}
}
