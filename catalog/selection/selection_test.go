package selection

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// thing is a resource that is never looked at.
type thing struct{ resources.Resource }

// TestTargets: a target brings what it requires, of a block that only the run repeats the instances that are meant alone, with what these require.
func TestTargets(t *testing.T) {
	at := func(title, instance string) resources.Address {
		return resources.Address{Type: "t", Title: title, Instance: instance}
	}
	late := func(title string) *catalog.Entry {
		return &catalog.Entry{Addr: at(title, ""), Deferred: &catalog.Deferred{Repeated: true, Blank: thing{}}}
	}
	entries := []*catalog.Entry{late("l"), late("m")}
	for _, title := range []string{"a", "b", "all", "of0", "of1", "both"} {
		entries = append(entries, &catalog.Entry{Addr: at(title, ""), Resource: thing{}})
	}
	c, problems := catalog.New(entries, []catalog.Relation{
		{From: at("a", ""), To: at("l", "[0]")}, {From: at("b", ""), To: at("l", "[1]")}, {From: at("all", ""), To: at("l", "")},
		{From: at("l", "[0]"), To: at("of0", "")}, {From: at("l", "[1]"), To: at("of1", "")}, {From: at("l", "[1]"), To: at("m", "[2]")}, {From: at("l", ""), To: at("both", "")},
	}, func(resources.Address) bool { return false })
	if problems != nil {
		t.Fatal(problems)
	}
	for name, tc := range map[string]struct {
		targets []resources.Address
		want    string
	}{
		"an instance":               {[]resources.Address{at("l", "[0]")}, "l[0] a all"},
		"what requires one":         {[]resources.Address{at("of1", "")}, "l[1] b all of1"},
		"through another block":     {[]resources.Address{at("m", "[2]")}, "l[1] m[2] b all"},
		"the block":                 {[]resources.Address{at("l", "")}, "l a b all"},
		"what requires all":         {[]resources.Address{at("of0", ""), at("both", "")}, "l a b all of0 both"},
		"what requires all, before": {[]resources.Address{at("both", ""), at("of0", "")}, "l a b all of0 both"},
		"two":                       {[]resources.Address{at("l", "[0]"), at("l", "[1]")}, "l[0][1] a b all"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Of(c, Choice{Targets: tc.targets})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for v, e := range c.Entries() {
				if !s.Has(v) {
					continue
				}
				var keys []string
				for a := range s.parts[v] {
					keys = append(keys, a.Instance)
				}
				slices.Sort(keys)
				got = append(got, e.Addr.Title+strings.Join(keys, ""))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAmong: of what a block becomes only the instances that were chosen are left, each of which has to be there.
func TestAmong(t *testing.T) {
	at := func(instance string) resources.Address {
		return resources.Address{Type: "t", Title: "l", Instance: instance}
	}
	some := &Selection{entries: []bool{true, true}, parts: map[int]map[resources.Address]bool{0: {at("[0]"): true, at("[2]"): true}}}
	for _, tc := range []struct {
		name      string
		s         *Selection
		v         int
		instances string
		want      string
	}{
		{"everything is chosen", nil, 0, "[0] [1]", "[0] [1]"},
		{"all of it", some, 1, "[0] [1]", "[0] [1]"},
		{"some", some, 0, "[0] [1] [2]", "[0] [2]"},
		{"one is missing", some, 0, "[0] [1]", "there is no t.l[2] in this run"},
		{"all are", some, 0, "", "there is no t.l[0], no t.l[2] in this run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var bound []*catalog.Entry
			for _, instance := range strings.Fields(tc.instances) {
				bound = append(bound, &catalog.Entry{Addr: at(instance)})
			}
			var got []string
			chosen, err := tc.s.Among(tc.v, bound)
			for _, e := range chosen {
				got = append(got, e.Addr.Instance)
			}
			if err != nil {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestModulesAreTags(t *testing.T) {
	e := &catalog.Entry{Addr: resources.Address{Module: `module.web["a"].module.db.`, Type: "t", Title: "x"}, Options: catalog.Options{Tags: []string{"own"}}}
	if diff := cmp.Diff([]string{"t", "x", "own", "web", "db"}, Tags(e)); diff != "" {
		t.Error(diff)
	}
}
