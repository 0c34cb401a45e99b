package order_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog/internal/order"
	"github.com/nodeapply/apply/resources"
)

// edges writes a graph as "0>1 1~2", where ~ carries a notification.
func edges(o *order.Order) string {
	var out []string
	for v := range o.Graph().Len() {
		for _, e := range o.Graph().Succ(v) {
			sign := ">"
			if e.Notify {
				sign = "~"
			}
			out = append(out, fmt.Sprintf("%d%s%d", v, sign, e.To))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func set(a resources.Address, members ...int) order.Set { return order.Set{Addr: a, Members: members} }

func at(instance string) resources.Address {
	return resources.Address{Type: "t", Title: "x", Instance: `["` + instance + `"]`}
}

func TestOrder(t *testing.T) {
	one, other := resources.Address{Module: "module.one"}, resources.Address{Module: "module.other"}
	repos := resources.Identity{Kind: "repos"}
	for _, tc := range []struct {
		name  string
		build func(o *order.Order)
		want  string
	}{
		{"an edge, once", func(o *order.Order) { o.Connect(0, 1, false); o.Connect(0, 1, false) }, "0>1"},
		{"one that notifies besides", func(o *order.Order) { o.Connect(0, 1, false); o.Connect(0, 1, true); o.Connect(0, 1, false) }, "0>1 0~1"},
		{"sets of one", func(o *order.Order) { o.ConnectSets(set(one, 0), set(other, 1), true) }, "0~1"},
		{"sets, through their barriers", func(o *order.Order) {
			o.ConnectSets(set(one, 0, 1), set(other, 2, 3), false)
			o.ConnectSets(set(one, 0, 1), set(resources.Address{}, 3), false)
		}, "0>4 1>4 4>3 4>5 5>2 5>3"},
		{"parts of what is one as yet, each through barriers of its own", func(o *order.Order) {
			a, b := order.Set{Addr: at("a"), Members: []int{0}, Part: true}, order.Set{Addr: at("b"), Members: []int{0}, Part: true}
			o.ConnectSets(a, set(one, 1), true)
			o.ConnectSets(a, set(other, 2), true)
			o.ConnectSets(set(other, 3), b, false)
			if diff := cmp.Diff(map[int]order.Part{4: {Of: 0, Addr: at("a")}, 5: {Of: 0, Addr: at("b")}}, o.Parts()); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		}, "0~4 3>5 4~1 4~2 5>0"},
		{"automatic", func(o *order.Order) { o.Auto(0, 1); o.Auto(1, 1) }, "0>1"},
		{"automatic gives way", func(o *order.Order) { o.Connect(1, 0, false); o.Auto(0, 1); o.Auto(1, 0) }, "1>0"},
		{"automatic gives way to sets", func(o *order.Order) {
			o.ConnectSets(set(one, 0, 1), set(other, 2, 3), false)
			o.Auto(3, 0)
		}, "0>4 1>4 4>5 5>2 5>3"},
		{"after all of an identity", func(o *order.Order) { o.AutoAll(repos, []int{0, 1}, 2); o.AutoAll(repos, []int{0, 1}, 3) }, "0>4 1>4 4>2 4>3"},
		{"but for one that is turned round", func(o *order.Order) { o.Connect(2, 1, false); o.AutoAll(repos, []int{0, 1}, 2) }, "0>2 2>1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := order.New(4, 1)
			tc.build(o)
			if diff := cmp.Diff(tc.want, edges(o)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
