package fate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// thing is a resource of which only its place counts.
type thing struct{ resources.Resource }

func addr(title, instance string) resources.Address {
	return resources.Address{Type: "t", Title: title, Instance: instance}
}

// declared is a catalog of a, b, the block each, which only the run repeats, and of d and e, with relations.
func declared(t *testing.T, relations ...catalog.Relation) *catalog.Catalog {
	t.Helper()
	var entries []*catalog.Entry
	for _, title := range []string{"a", "b", "each", "d", "e"} {
		e := &catalog.Entry{Addr: addr(title, ""), Resource: thing{}}
		if title == "each" {
			e.Resource, e.Deferred = nil, &catalog.Deferred{Repeated: true, Blank: thing{}}
		}
		entries = append(entries, e)
	}
	c, problems := catalog.New(entries, relations, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	return c
}

const (
	a = iota
	b
	each
	d
	e
)

// end hands on what has become of vertices, and of the barriers behind them.
func end(c *catalog.Catalog, f *Fates, all ...int) {
	for _, v := range all {
		for _, next := range c.Graph().Succ(v) {
			f.Pass(v, next)
			if next.To >= len(c.Entries()) {
				f.Barrier(next.To)
				end(c, f, next.To)
			}
		}
	}
}

func require(from, to resources.Address) catalog.Relation {
	return catalog.Relation{From: from, To: to}
}

func notify(from, to resources.Address) catalog.Relation {
	return catalog.Relation{From: from, To: to, Kind: catalog.Notify}
}

func TestFailures(t *testing.T) {
	c := declared(t, require(addr("a", ""), addr("d", "")), require(addr("b", ""), addr("d", "")))
	for _, order := range [][]int{{a, b}, {b, a}} {
		f := New(c)
		*f.Of(a) = Fate{Failed: true, Cause: a + 1, Root: "t.a"}
		*f.Of(b) = Fate{Failed: true, Cause: b + 1, Root: "t.b"}
		end(c, f, order...)
		if got := f.Of(d).Root; got != "t.a" {
			t.Errorf("ended in the order %v: want the first that is declared, got %q", order, got)
		}
		if got := f.Of(e); got.Cause != 0 {
			t.Errorf("what is not after them is lost: %+v", got)
		}
	}
}

// TestFailureOfOne is of what requires one instance of two, of which the other has failed.
func TestFailureOfOne(t *testing.T) {
	c := declared(t, require(addr("each", `["x"]`), addr("d", "")), require(addr("each", `["y"]`), addr("e", "")))
	for _, tc := range []struct {
		name  string
		bound bool
		want  []string // what d and e are lost with
	}{
		{"known what it became", true, []string{"", `t.each["y"]`}},
		{"not known", false, []string{"t.each", "t.each"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := New(c)
			all := f.Of(each)
			all.Bound, all.Failed, all.Cause, all.Root = tc.bound, true, each+1, "t.each"
			if tc.bound {
				all.Became(`["x"]`, 1)
				y := all.Became(`["y"]`, 2)
				y.Failed, y.Cause, y.Root = true, each+1, `t.each["y"]`
			}
			end(c, f, each)
			if diff := cmp.Diff(tc.want, []string{f.Of(d).Root, f.Of(e).Root}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLostBefore is of an instance alone that something before it has failed.
func TestLostBefore(t *testing.T) {
	c := declared(t, require(addr("a", ""), addr("each", `["y"]`)), require(addr("each", `["x"]`), addr("d", "")), require(addr("each", `["y"]`), addr("e", "")))
	f := New(c)
	*f.Of(a) = Fate{Failed: true, Cause: a + 1, Root: "t.a"}
	end(c, f, a, each) // of which is not known yet what it becomes
	if diff := cmp.Diff([]string{"", "t.a"}, []string{f.Of(d).Root, f.Of(e).Root}); diff != "" {
		t.Error(diff)
	}
	all := f.Of(each)
	if diff := cmp.Diff([]int32{0, 0, a + 1}, []int32{all.Cause, all.Became(`["x"]`, 1).Cause, all.Became(`["y"]`, 2).Cause}); diff != "" {
		t.Error(diff)
	}
}

func TestNotifiers(t *testing.T) {
	x, y, whole := addr("each", `["x"]`), addr("each", `["y"]`), addr("each", "")
	for _, tc := range []struct {
		name      string
		relations []catalog.Relation
		order     []int
		want      []resources.Address
	}{
		{"as declared", []catalog.Relation{notify(addr("a", ""), addr("d", "")), notify(addr("b", ""), addr("d", ""))}, []int{b, a}, []resources.Address{addr("a", ""), addr("b", "")}},
		{"who has not changed is none", []catalog.Relation{notify(addr("e", ""), addr("d", ""))}, []int{e}, nil},
		{"order alone", []catalog.Relation{require(addr("a", ""), addr("d", ""))}, []int{a}, nil},
		{"one of its instances", []catalog.Relation{notify(y, addr("d", ""))}, []int{each}, []resources.Address{y}},
		{"one that is not there", []catalog.Relation{notify(addr("each", `["z"]`), addr("d", ""))}, []int{each}, nil},
		{"all that have changed", []catalog.Relation{notify(whole, addr("d", ""))}, []int{each}, []resources.Address{x, y}},
		{"all, and one of them once more", []catalog.Relation{notify(y, addr("d", "")), notify(whole, addr("d", ""))}, []int{each}, []resources.Address{x, y}},
		{"instances as they were declared", []catalog.Relation{notify(y, addr("d", "")), notify(addr("b", ""), addr("d", "")), notify(x, addr("d", ""))}, []int{each, b},
			[]resources.Address{addr("b", ""), x, y}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := declared(t, tc.relations...)
			f := New(c)
			f.Of(a).Changed, f.Of(b).Changed = true, true
			all := f.Of(each)
			all.Bound, all.Changed = true, true
			for i, key := range []string{`["x"]`, `["w"]`, `["y"]`} {
				one := all.Became(key, i+1)
				one.Changed = key != `["w"]`
				all.Results = append(all.Results, &report.Result{Address: addr("each", key)})
			}
			end(c, f, tc.order...)
			if diff := cmp.Diff(tc.want, f.Notifiers(f.Of(d).Notified).Addrs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNotifiersOfMany is of a set that notifies another: what that takes grows with the two, not with their product.
func TestNotifiersOfMany(t *testing.T) {
	const many = 50
	var entries []*catalog.Entry
	for i := range 2 * many {
		entries = append(entries, &catalog.Entry{Addr: addr([]string{"from", "to"}[i/many], fmt.Sprintf("[%d]", i%many)), Resource: thing{}})
	}
	c, problems := catalog.New(entries, []catalog.Relation{notify(addr("from", ""), addr("to", ""))}, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	f := New(c)
	for v := range many {
		f.Of(v).Changed = true
		end(c, f, v)
	}
	kept := 0
	first := f.Notifiers(f.Of(many).Notified)
	for v := many; v < c.Graph().Len(); v++ {
		kept += len(slices.Compact(slices.Sorted(slices.Values(f.Of(v).Notified))))
		if v >= len(entries) {
			continue
		}
		by := f.Notifiers(f.Of(v).Notified)
		if len(by.Addrs) != many || len(by.Texts) != many || &by.Addrs[0] != &first.Addrs[0] || &by.Texts[0] != &first.Texts[0] {
			t.Fatalf("%s: want the %d notifiers that all share, got %d", entries[v].Addr, many, len(by.Addrs))
		}
	}
	if kept > 4*many {
		t.Errorf("want at most two for each of the %d resources, got %d", 2*many, kept)
	}
}

func TestEdges(t *testing.T) {
	c := declared(t, require(addr("a", ""), addr("each", "")), notify(addr("each", `["y"]`), addr("d", "")))
	f := New(c)
	for _, v := range []int{a, b, d, e} {
		f.Of(v).Results = []*report.Result{{Address: c.Entries()[v].Addr}}
	}
	all := f.Of(each)
	all.Bound = true
	for i, key := range []string{`["x"]`, `["y"]`} {
		all.Became(key, i+1)
		all.Results = append(all.Results, &report.Result{Address: addr("each", key)})
	}
	if got := len(f.Results()); got != 6 { // a b each["x"] each["y"] d e
		t.Fatalf("want six results, got %d", got)
	}
	got := map[report.Edge]bool{}
	for _, edge := range f.Edges() {
		got[edge] = true
	}
	want := map[report.Edge]bool{{From: 0, To: 2}: true, {From: 0, To: 3}: true, {From: 3, To: 6, Notify: true}: true, {From: 6, To: 4, Notify: true}: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOwes(t *testing.T) {
	x, y := addr("each", `["x"]`), addr("each", `["y"]`)
	all := addr("each", "")
	for _, tc := range []struct {
		name      string
		relations []catalog.Relation
		v         int
		of        resources.Address
		want      []resources.Address
	}{
		{"as declared", []catalog.Relation{notify(addr("a", ""), addr("d", "")), notify(addr("a", ""), addr("e", ""))}, a, addr("a", ""), []resources.Address{addr("d", ""), addr("e", "")}},
		{"order alone", []catalog.Relation{require(addr("a", ""), addr("d", ""))}, a, addr("a", ""), nil},
		{"not by way of another", []catalog.Relation{notify(addr("a", ""), addr("b", "")), notify(addr("b", ""), addr("d", ""))}, a, addr("a", ""), []resources.Address{addr("b", "")}},
		{"one instance", []catalog.Relation{notify(addr("a", ""), x)}, a, addr("a", ""), []resources.Address{x}},
		{"of an instance", []catalog.Relation{notify(x, addr("d", ""))}, each, x, []resources.Address{addr("d", "")}},
		{"of another instance", []catalog.Relation{notify(x, addr("d", ""))}, each, y, nil},
		{"of all of them", []catalog.Relation{notify(all, addr("d", ""))}, each, y, []resources.Address{addr("d", "")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Owes(declared(t, tc.relations...), tc.v, tc.of)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
