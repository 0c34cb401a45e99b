package attributes

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// thing has attributes, a field that is none, and attributes of what it embeds.
type thing struct {
	Path   string `hcl:"path,title,public"`
	Mode   string `hcl:"mode"`
	Count  int    `hcl:"count"`
	Ensure string `hcl:"ensure"`
	Hidden string
	Owned
}

// Owned is embedded.
type Owned struct {
	Owner string `hcl:"owner"`
}

func (*thing) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (*thing) Apply(context.Context, host.Host, resources.Diff) error   { return nil }

func says(attrs ...string) func(string) bool {
	return func(attr string) bool { return slices.Contains(attrs, attr) }
}

func TestTitleAndValue(t *testing.T) {
	r := &thing{Path: "/a", Count: 3, Owned: Owned{"bob"}}
	if title := Title(r); title != "path" || value(r, title).String() != "/a" {
		t.Errorf("title %q", title)
	}
	if owner := value(r, "owner"); owner.String() != "bob" {
		t.Errorf("owner %v", owner)
	}
	if hidden := value(r, "Hidden"); hidden.IsValid() {
		t.Errorf("a field without a tag is %v", hidden)
	}
}

func TestSays(t *testing.T) {
	for name, tt := range map[string]struct {
		late    bool
		thing   thing
		written func(string) bool
		attr    string
		want    bool
	}{
		"what is written":               {false, thing{Mode: "1"}, says("mode"), "mode", true},
		"a default":                     {false, thing{Mode: "1"}, says(), "mode", false},
		"what is written to be nothing": {false, thing{}, says("mode"), "mode", false},
		"of a number that is seen":      {false, thing{}, says("count"), "count", true},
		"to be there":                   {false, thing{Ensure: "present"}, says(), "ensure", true},
		"what the title says":           {false, thing{Path: "t"}, says(), "path", true},
		"another default than that":     {false, thing{Path: "/t"}, says(), "path", false},
		"what only the run gives":       {true, thing{}, says("mode"), "mode", true},
		"a metaparameter":               {true, thing{}, says("when"), "when", true},
		"a metaparameter that is not":   {true, thing{}, says(), "when", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Declaration{&tt.thing, "t", tt.late, tt.written}).Says(tt.attr); got != tt.want {
				t.Errorf("want %v, got %v", tt.want, got)
			}
		})
	}
}

// things may have several names.
type things struct {
	resources.Missing
	Names resources.Strings `hcl:"name,title"`
}

func TestNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		resource resources.Resource
		written  func(string) bool
		want     bool
	}{
		"by its title":                {&thing{Path: "t"}, says("mode"), true},
		"otherwise":                   {&thing{Path: "/t"}, says("path"), true},
		"in the run":                  {&thing{Path: "t"}, says("path"), false},
		"several":                     {&things{Names: resources.Strings{"a", "b"}}, says("name"), true},
		"several, by the title alone": {&things{Names: resources.Strings{"t"}}, says(), true},
		"several, in the run":         {&things{Names: resources.Strings{"t"}}, says("name"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Declaration{tt.resource, "t", true, tt.written}).Named(); got != tt.want {
				t.Errorf("want %v, got %v", tt.want, got)
			}
		})
	}
}

func TestDeclarations(t *testing.T) {
	for name, tt := range map[string]struct {
		x, y           thing
		xSays, ySays   func(string) bool // what is written
		contradictions []string
		together       thing
		from           map[string]bool
	}{
		"the same": {thing{Path: "/a"}, thing{Path: "/a"}, says(), says(), nil, thing{Path: "/a"}, map[string]bool{}},
		"both say something else": {
			thing{Mode: "1", Count: 1}, thing{Mode: "2", Count: 2}, says("mode", "count"), says("mode", "count"), []string{"mode", "count"}, thing{Mode: "1", Count: 1}, map[string]bool{}},
		"one alone says it": {
			thing{Mode: "1"}, thing{Owned: Owned{"bob"}}, says("mode"), says("owner"), nil, thing{Mode: "1", Owned: Owned{"bob"}}, map[string]bool{"owner": true}},
		"one path":              {thing{Path: "/a/b"}, thing{Path: "/a//b/"}, says("path"), says("path"), nil, thing{Path: "/a/b"}, map[string]bool{}},
		"two paths":             {thing{Path: "/a"}, thing{Path: "/b"}, says("path"), says("path"), []string{"path"}, thing{Path: "/a"}, map[string]bool{}},
		"names are no paths":    {thing{Path: "a"}, thing{Path: "a/"}, says("path"), says("path"), []string{"path"}, thing{Path: "a"}, map[string]bool{}},
		"what is no attribute":  {thing{Hidden: "x"}, thing{Hidden: "y"}, says("Hidden"), says("Hidden"), nil, thing{Hidden: "x"}, map[string]bool{}},
		"a default is not said": {thing{Mode: "1"}, thing{Mode: "2"}, says("mode"), says(), nil, thing{Mode: "1"}, map[string]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			was := tt.x
			x, y := Declaration{Resource: &tt.x, Written: tt.xSays}, Declaration{Resource: &tt.y, Written: tt.ySays}
			if diff := cmp.Diff(tt.contradictions, Contradictions(x, y)); diff != "" {
				t.Error(diff)
			}
			both, from := Together(x, y)
			if diff := cmp.Diff(&tt.together, both); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.from, from); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(was, tt.x); diff != "" {
				t.Errorf("the first one is changed: %s", diff)
			}
		})
	}
}
