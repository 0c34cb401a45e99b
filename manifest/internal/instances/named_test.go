package instances_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/internal/instances"
)

func TestMissing(t *testing.T) {
	numbers := func(n int) (list []*instances.Instance) {
		for i := range n {
			list = append(list, &instances.Instance{Key: cty.NumberIntVal(int64(i))})
		}
		return list
	}
	words := func(keys ...string) (list []*instances.Instance) {
		for _, k := range keys {
			list = append(list, &instances.Instance{Key: cty.StringVal(k)})
		}
		return list
	}
	for _, tc := range []struct {
		name  string
		named string
		made  []*instances.Instance
		want  []string
	}{
		{"nothing is named", "", words("a"), nil},
		{"all are there", `["a"] ["b"]`, words("a", "b"), nil},
		{"there are none", `["a"]`, nil, []string{`1 ["a"]: there are none`}},
		{"each once, where it is named first", `["a"] ["x"] ["x"]`, words("a"), []string{`2 ["x"]: there is ["a"]; did you mean ` + "`" + `["a"]` + "`?"}},
		{"nothing near", `["postfix"]`, words("a", "b"), []string{`1 ["postfix"]: there are ["a"], ["b"]`}},
		{"numbers are not near", "[2]", numbers(2), []string{"1 [2]: there are [0], [1]"}},
		{"many", "[12]", numbers(12), []string{"1 [12]: there are [0], [1], [2], [3], [4], [5], [6], [7], [8], [9] and 2 more"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var n instances.Named
			for i, key := range strings.Fields(tc.named) {
				n.Add(key, catalog.Pos{Line: int32(i + 1)})
			}
			var got []string
			for _, m := range n.Missing(tc.made) {
				got = append(got, fmt.Sprintf("%d %s: %s", m.At.Line, m.Key, strings.TrimPrefix(m.Err.Error(), "there is no such instance; ")))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
