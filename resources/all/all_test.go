package all_test

import (
	"testing"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
)

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
