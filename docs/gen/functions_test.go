package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest/funcs"
)

// TestFunctions holds the page against the functions that there are: each is on it once, with as many arguments as it takes.
func TestFunctions(t *testing.T) {
	fns := funcs.Functions(funcs.Options{})
	var got []string
	for _, g := range functionGroups {
		if !slices.IsSortedFunc(g.functions, func(a, b aFunction) int { return strings.Compare(a.name(), b.name()) }) {
			t.Errorf("%s: not in alphabetical order", g.title)
		}
		for _, f := range g.functions {
			got = append(got, f.name())
			fn, ok := fns[f.name()]
			if !ok {
				continue
			}
			_, list, _ := strings.Cut(strings.TrimSuffix(f.signature, ")"), "(")
			more := strings.ContainsAny(list, "[") || strings.HasSuffix(list, "...")
			if more != (fn.VarParam() != nil) {
				t.Errorf("%s: whether it takes more arguments is not as the function has it", f.signature)
			}
			if params := strings.Split(list, ","); !more && len(params) != len(fn.Params()) {
				t.Errorf("%s: the function takes %d arguments", f.signature, len(fn.Params()))
			}
			if f.name() != "decrypt" && !strings.Contains(f.example, f.name()+"(") {
				t.Errorf("%s: its example does not call it", f.signature)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fns)), got); diff != "" {
		t.Errorf("the functions (-there are +are described):\n%s", diff)
	}
}
