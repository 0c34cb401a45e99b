package debts_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/debts"
	"github.com/nodeapply/apply/resources"
)

func addr(title, instance string) resources.Address {
	return resources.Address{Type: "t", Title: title, Instance: instance}
}

// owed is what a block that an earlier run repeated, one of its instances, and another resource are owed.
func owed(target resources.Address) []resources.Address {
	switch target {
	case addr("block", ""):
		return []resources.Address{addr("x", "")}
	case addr("block", "[1]"):
		return []resources.Address{addr("y", "")}
	case addr("plain", ""):
		return []resources.Address{addr("z", "")}
	}
	return nil
}

func TestTo(t *testing.T) {
	for _, tc := range []struct {
		name string
		of   debts.Debts
		a    resources.Address
		want []resources.Address
	}{
		{"nothing is known", nil, addr("block", "[1]"), nil},
		{"nothing is owed", owed, addr("other", "[1]"), nil},
		{"to itself", owed, addr("plain", ""), []resources.Address{addr("z", "")}},
		{"to its block", owed, addr("block", "[2]"), []resources.Address{addr("x", "")}},
		{"to both", owed, addr("block", "[1]"), []resources.Address{addr("y", ""), addr("x", "")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.of.To(tc.a)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestDivide(t *testing.T) {
	var declared []*catalog.Entry
	for _, a := range []resources.Address{addr("plain", ""), addr("block", "[1]"), addr("other", "[1]"), addr("block", "[2]")} {
		declared = append(declared, &catalog.Entry{Addr: a})
	}
	full := errors.New("no space left on device")
	for name, tc := range map[string]struct {
		of   debts.Debts
		err  error
		want map[resources.Address][]resources.Address
	}{
		"nothing is known":   {nil, nil, map[resources.Address][]resources.Address{}},
		"a block is owed":    {owed, nil, map[resources.Address][]resources.Address{addr("block", ""): {addr("block", "[1]"), addr("block", "[2]")}}},
		"not to be recorded": {owed, full, map[resources.Address][]resources.Address{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[resources.Address][]resources.Address{}
			err := tc.of.Divide(t.Context(), declared, func(_ context.Context, block resources.Address, into []resources.Address) error {
				if tc.err == nil {
					got[block] = into
				}
				return tc.err
			})
			if !errors.Is(err, tc.err) {
				t.Errorf("want %v, got %v", tc.err, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
