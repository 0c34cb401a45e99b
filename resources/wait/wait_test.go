package wait_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/wait"
)

// link is an exchange in which nodes of the group g have exported the fact up.
type link struct {
	up     map[string]string
	values exchange.Values
	err    error
	away   error // the exchange cannot be looked at
	asked  record.Wait
}

func (l *link) Look(_ context.Context, f func(string, *view.View)) error {
	if l.away != nil {
		return l.away
	}
	v := view.New("default")
	for n, value := range l.up {
		v.SetNode(n, &record.Node{Groups: []string{"g"}})
		b, err := json.Marshal(record.Fact{Status: record.OK, Value: json.RawMessage(value)})
		if err != nil {
			return err
		}
		key := name.Key{Kind: name.KindFact, Deployment: "default", Node: n, Name: "up"}
		v.Update(store.Update{Changes: []store.Event{{Entry: store.Entry{Key: key.String(), Value: b, Revision: 1}}}})
	}
	f("node01", v)
	return nil
}

func (l *link) Wait(_ context.Context, w record.Wait, progress func(verdict.Verdict)) (exchange.Values, error) {
	l.asked = w
	progress(verdict.Verdict{Fact: w.Fact, Need: 2, Have: []string{"node01"}})
	return l.values, l.err
}

func TestMetAtOnce(t *testing.T) {
	w := wait.Type(&link{up: map[string]string{"node01": `{"port": 1}`, "node02": "true"}}).New("bricks").(*wait.Wait)
	w.Fact, w.Group = "up", "g"
	d, err := w.Check(t.Context(), nil)
	if err != nil || !d.Empty() {
		t.Fatalf("want no difference, got %v %v", d, err)
	}
	one := map[string]any{"hostname": "node01", "up": map[string]any{"port": 1.0}}
	two := map[string]any{"hostname": "node02", "up": true}
	want := map[string]any{
		"nodes": map[string]any{"node01": one, "node02": two}, "others": map[string]any{"node02": two},
		"names": []any{"node01", "node02"}, "first": "node01", "count": 2, "value": nil,
	}
	if diff := cmp.Diff(want, w.Values()); diff != "" {
		t.Error(diff)
	}
}

func TestWaits(t *testing.T) {
	l := &link{up: map[string]string{"node01": "true", "node02": `"false"`}, values: exchange.Values{Names: []string{"node01", "node02"}, First: "node01", Count: 2}}
	w := wait.Type(l).New("bricks").(*wait.Wait)
	w.Fact, w.Group, w.Min = "up", "g", new(2)
	d, err := w.Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []resources.Change{{Attr: "fact", From: `up: 1 of 2 nodes; node02: is "false"; no run there`, To: "up", Irreversible: true}}
	if diff := cmp.Diff(want, d.Changes); diff != "" {
		t.Fatal(diff)
	}
	if w.Values() != nil {
		t.Errorf("values before it is met: %v", w.Values())
	}
	var told []string
	ctx := resources.WithTell(t.Context(), func(what string) { told = append(told, what) })
	lent := waiter(0)
	if err := w.Apply(waiting.With(ctx, &lent), nil, d); err != nil || lent != 1 {
		t.Fatalf("want its place lent once, got %d, %v", lent, err)
	}
	if diff := cmp.Diff([]string{"waiting for up: 1 of 2 nodes"}, told); diff != "" {
		t.Error(diff)
	}
	if d, err := w.Check(t.Context(), nil); err != nil || !d.Empty() {
		t.Errorf("after apply: %v %v", d, err)
	}
	if got := w.Values()["count"]; got != 2 {
		t.Errorf("count: %v", got)
	}
}

// waiter counts how often a place was lent.
type waiter int

func (w *waiter) Wait(wait func()) { *w++; wait() }

func (*waiter) Quiet() <-chan struct{} { return nil }

func (*waiter) Helper() (func(), bool) { return nil, false }

func TestEquals(t *testing.T) {
	l := &link{up: map[string]string{"node01": "7", "node02": "8"}}
	for value, want := range map[float64]string{7: "", 9: "up = 9"} {
		w := wait.Type(l).New("bricks").(*wait.Wait)
		w.Fact, w.Nodes, w.Equals = "up", []string{"node01"}, value
		d, err := w.Check(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range d.Changes {
			got += c.To
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", value, diff)
		}
	}
}

func TestExchangeIsAway(t *testing.T) {
	l := &link{away: errors.New("connection refused"), values: exchange.Values{Value: json.RawMessage(`{"go": true}`)}}
	w := wait.Type(l).New("go").(*wait.Wait)
	w.Fact = "param.go"
	w.Name("module.a.wait.go")
	d, err := w.Check(t.Context(), nil)
	want := resources.Diff{
		Changes: []resources.Change{{Attr: "fact", From: "not known", To: "param.go", Irreversible: true}}, Notes: []string{"connection refused"},
	}
	if diff := cmp.Diff(want, d); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	if err := w.Apply(t.Context(), nil, d); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(record.Wait{Name: "module.a.wait.go", Fact: "param.go"}, l.asked); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"go": true}, w.Values()["value"]); diff != "" {
		t.Error(diff)
	}
}

func TestType(t *testing.T) {
	l := &link{up: map[string]string{"node01": "true"}}
	typ := wait.Type(l)
	w := typ.New("bricks").(*wait.Wait)
	w.Fact, w.Group = "up", "g"
	if _, err := w.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(w.Values())), slices.Sorted(slices.Values(typ.Late))); diff != "" {
		t.Errorf("the values that only a run knows: %s", diff)
	}
	if typ.Timeout != 10*time.Minute || !typ.Awaits {
		t.Errorf("timeout %v, awaits %v", typ.Timeout, typ.Awaits)
	}
}

func TestFails(t *testing.T) {
	l := &link{err: errors.New("node02: failed: exec.mkfs")}
	w := wait.Type(l).New("bricks").(*wait.Wait)
	w.Fact, w.Nodes = "up", []string{"node02"}
	if err := w.Apply(t.Context(), nil, resources.Diff{}); !errors.Is(err, l.err) {
		t.Errorf("got %v", err)
	}
	if w.Values() != nil {
		t.Errorf("values of a wait that failed: %v", w.Values())
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		w          wait.Wait
	}{
		{"group", "", wait.Wait{Fact: "up", Group: "g"}},
		{"nodes", "", wait.Wait{Fact: "up", Nodes: []string{"a"}}},
		{"parameter", "", wait.Wait{Fact: "param.go"}},
		{"as many as named", "", wait.Wait{Fact: "up", Nodes: []string{"a", "b", "a"}, Min: new(2)}},
		{"equals", "equals: json: unsupported type: chan int", wait.Wait{Fact: "up", Group: "g", Equals: make(chan int)}},
		{"neither", "want `group` or `nodes`, one of the two", wait.Wait{Fact: "up"}},
		{"both", "want `group` or `nodes`, one of the two", wait.Wait{Fact: "up", Group: "g", Nodes: []string{"a"}}},
		{"of nobody", "nodes: nobody is named; where there is nobody to wait for, let `when` be false", wait.Wait{Fact: "up", Nodes: []string{}}},
		{"a node's parameter", "a parameter is no node's: param.go wants no `group` or `nodes`", wait.Wait{Fact: "param.go", Group: "g"}},
		{
			"all names at once",
			"fact: fact \"../up\": bad name (lower-case letters, digits and _, first a letter)\n" +
				"nodes: node \"a/b\": bad name (a host name)\nnodes: node \"\": bad name (a host name)",
			wait.Wait{Fact: "../up", Nodes: []string{"a/b", "", "a/b"}},
		},
		{"parameter's name", "fact: parameter \"Go\": bad name (lower-case letters, digits and _, first a letter)", wait.Wait{Fact: "param.Go"}},
		{"group's name", "group: group \"a/b\": bad name (letters, digits, '.', '_' and '-', first a letter or digit)", wait.Wait{Fact: "up", Group: "a/b"}},
		{"more than named", "min: want at most as many as there are in `nodes`, 1", wait.Wait{Fact: "up", Nodes: []string{"a"}, Min: new(2)}},
		{"one named twice", "min: want at most as many as there are in `nodes`, 1", wait.Wait{Fact: "up", Nodes: []string{"a", "a"}, Min: new(2)}},
		{"none at least", "min: 0: want 1 or more", wait.Wait{Fact: "up", Group: "g", Min: new(0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := c.w.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
