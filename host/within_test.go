package host_test

import (
	"testing"

	"github.com/nodeapply/apply/host"
)

func TestWithin(t *testing.T) {
	for _, tc := range []struct {
		name, folder string
		want         bool
	}{
		{"/data", "/data", true}, {"/data/a", "/data", true}, {"/database", "/data", false}, {"/", "/data", false}, {"/dat", "/data", false},
		{"/", "/", true}, {"/data", "/", true},
	} {
		if got := host.Within(tc.name, tc.folder); got != tc.want {
			t.Errorf("%s in %s: want %v, got %v", tc.name, tc.folder, tc.want, got)
		}
	}
}
