package prove

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		n, most int
		want    []int
	}{
		{0, 4, nil}, {3, 4, []int{1, 2, 3}}, {4, 4, []int{1, 2, 3, 4}}, {10, 4, []int{1, 3, 6, 8}},
	} {
		if diff := cmp.Diff(tc.want, spread(tc.n, tc.most)); diff != "" {
			t.Errorf("%d of %d: %s", tc.most, tc.n, diff)
		}
	}
}
