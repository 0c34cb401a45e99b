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
		{"sets of one", func(o *order.Order) { o.ConnectSets(one, other, []int{0}, []int{1}, true) }, "0~1"},
		{"sets, through their barriers", func(o *order.Order) {
			o.ConnectSets(one, other, []int{0, 1}, []int{2, 3}, false)
			o.ConnectSets(one, resources.Address{}, []int{0, 1}, []int{3}, false)
		}, "0>4 1>4 4>3 4>5 5>2 5>3"},
		{"automatic", func(o *order.Order) { o.Auto(0, 1); o.Auto(1, 1) }, "0>1"},
		{"automatic gives way", func(o *order.Order) { o.Connect(1, 0, false); o.Auto(0, 1); o.Auto(1, 0) }, "1>0"},
		{"automatic gives way to sets", func(o *order.Order) {
			o.ConnectSets(one, other, []int{0, 1}, []int{2, 3}, false)
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
