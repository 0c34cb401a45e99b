package all_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
)

func TestOrder(t *testing.T) {
	names := func(a, b resources.Type) int { return strings.Compare(a.Name, b.Name) }
	if types := all.Linked(nil); !slices.IsSortedFunc(types, names) {
		t.Errorf("not in the order of their names: %v", types)
	}
}

// TestOwn: a type of one's own stands in the place of that of the same name, any other behind them all.
func TestOwn(t *testing.T) {
	theirs := len(all.Linked(nil))
	types := all.Linked(nil, resources.Type{Name: "file", Stateless: "mine"}, resources.Type{Name: "aaa"})
	files := slices.DeleteFunc(slices.Clone(types), func(t resources.Type) bool { return t.Name != "file" })
	if len(types) != theirs+1 || types[theirs].Name != "aaa" || len(files) != 1 || files[0].Stateless != "mine" {
		t.Errorf("%d types, files %+v", len(types), files)
	}
}

// Every type can print what a node has, one by its title and all that are selected, or says why there is nothing to print.
func TestEveryTypeIsInspectedOrSaysWhyNot(t *testing.T) {
	for _, typ := range all.Linked(nil) {
		t.Run(typ.Name, func(t *testing.T) {
			_, inspector := typ.New("x").(resources.Inspector)
			_, lister := typ.New("").(resources.Lister)
			if stateless := typ.Stateless != ""; stateless == inspector || inspector != lister {
				t.Errorf("inspected by title: %v, by selection: %v, stateless: %q", inspector, lister, typ.Stateless)
			}
		})
	}
}
