package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
