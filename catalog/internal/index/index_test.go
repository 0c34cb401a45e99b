package index_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog/internal/index"
	"github.com/nodeapply/apply/resources"
)

func TestFind(t *testing.T) {
	in := func(module, title, instance string) resources.Address {
		return resources.Address{Module: module, Type: "file", Title: title, Instance: instance}
	}
	x := index.New([]resources.Address{
		in("", "a", ""), in("", "b", `["x"]`), in("", "b", `["y"]`), in(`module.m["k[1"]`, "a", ""), in(`module.m["k\\"].module.n`, "a", ""),
		in("", "late", ""), in("", "/etc/motd", ""),
	}, map[resources.Address]resources.Address{in("", "same", ""): in("", "a", "")})
	x.Open(5)
	for _, tc := range []struct {
		name string
		addr resources.Address
		want []int
	}{
		{"an entry", in("", "a", ""), []int{0}},
		{"in another's place", in("", "same", ""), []int{0}},
		{"one instance", in("", "b", `["y"]`), []int{2}},
		{"all instances", in("", "b", ""), []int{1, 2}},
		{"no such", in("", "c", ""), nil},
		{"no such instance", in("", "b", `["z"]`), nil},
		{"an instance of what has none", in("", "a", `["z"]`), nil},
		{"an instance of which nobody knows as yet", in("", "late", `["z"]`), []int{5}},
		{"a module, all instances", resources.Address{Module: "module.m"}, []int{3, 4}},
		{"an instance of a module", resources.Address{Module: `module.m["k[1"]`}, []int{3}},
		{"a module in a module", resources.Address{Module: `module.m["k\\"].module.n`}, []int{4}},
	} {
		if diff := cmp.Diff(tc.want, x.Find(tc.addr)); diff != "" {
			t.Errorf("%s: want -, got +:\n%s", tc.name, diff)
		}
	}
	for title, want := range map[string]string{"bb": "file.b", "etc_motd": `file["/etc/motd"]`, "other": ""} {
		if got := x.Nearest(in("", title, "")); got != want {
			t.Errorf("nearest to file.%s: want %q, got %q", title, want, got)
		}
	}
}
