// Package resourcetest is the contract of [resources.Resource] as a test that every type runs on a real tree, from every starting state.
//
//	for name, tree := range map[string]string{"nothing": "-- etc/ --\n", "another": "-- etc/motd 0600 --\nbye\n"} {
//		t.Run(name, func(t *testing.T) { resourcetest.Converges(t, hosttest.New(t, tree), &motd.Motd{Text: "hello"}) })
//	}
package resourcetest

import (
	"context"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/resources"
)

// Outcome is what a resource did to become as declared.
type Outcome struct {
	Diff resources.Diff // what Check found
	Ops  []host.Op      // what Apply did
}

// Converges checks r twice, applies what differs and checks again. It fails t unless both checks say the same and change nothing, Apply
// succeeds and touches nothing but what the host was told to change, and the last check finds no difference and changes nothing, nor does one by
// another resource declared as r, which knows nothing of what r did; and unless what commands did can be taken back, or the changes say that it cannot. Where nothing differs, nothing is applied.
func Converges(t testing.TB, h *hosttest.Host, r resources.Resource) Outcome {
	t.Helper()
	if v, ok := r.(resources.Validator); ok {
		if err := v.Validate(); err != nil {
			t.Fatalf("validate: %v", err)
		}
	}
	other := another(r)
	first := Check(t, h, r)
	if again := Check(t, h, r); !cmp.Equal(first, again) {
		t.Fatalf("a second check says something else:\n%s", cmp.Diff(first, again))
	}
	if first.Empty() {
		return Outcome{Diff: first}
	}
	before := h.Stamps()
	log := &recorder{}
	if err := r.Apply(t.Context(), recording.Of(h, log), first); err != nil {
		t.Fatalf("apply: %v", err)
	}
	for _, name := range touched(before, h.Stamps()) {
		if !slices.ContainsFunc(log.ops, func(op host.Op) bool { return covers(op, name) }) {
			t.Errorf("%s was touched, and no change of the host is about it: %v", name, log.ops)
		}
	}
	if last := Check(t, h, r); !last.Empty() {
		t.Fatalf("still differs after apply: %+v", last.Changes)
	}
	if _, ok := r.(resources.Conditional); !ok { // of a command that has run, nothing on the node need say so
		if d := Check(t, h, other); !d.Empty() {
			t.Fatalf("only the resource that was applied finds itself as declared; another says: %+v", d.Changes)
		}
	}
	_, restorer := r.(resources.Restorer)
	commands := slices.ContainsFunc(log.ops, func(op host.Op) bool { return op.Kind == host.OpRun || op.Kind == host.OpUnit })
	if commands && !restorer && !slices.ContainsFunc(first.Changes, func(c resources.Change) bool { return c.Irreversible }) {
		t.Errorf("an undo cannot take back what commands did: want a Restorer, or changes that say they are irreversible: %+v", first.Changes)
	}
	return Outcome{Diff: first, Ops: log.ops}
}

// another returns a resource that is declared as r is, and knows nothing of what r will do.
func another(r resources.Resource) resources.Resource {
	v := reflect.ValueOf(r)
	if v.Kind() != reflect.Pointer {
		return r
	}
	c := reflect.New(v.Type().Elem())
	c.Elem().Set(v.Elem())
	return c.Interface().(resources.Resource)
}

// Check returns what r's Check finds, and fails t if that changes anything of the node.
func Check(t testing.TB, h *hosttest.Host, r resources.Resource) resources.Diff {
	t.Helper()
	before := h.Stamps()
	d, err := r.Check(t.Context(), h)
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	if diff := cmp.Diff(before, h.Stamps()); diff != "" {
		t.Fatalf("check changed the node:\n%s", diff)
	}
	return d
}

// Refuses checks r, and applies what differs if there is something. It fails t unless one of the two ends in an error, which is returned,
// and the node is as it was.
func Refuses(t testing.TB, h *hosttest.Host, r resources.Resource) error {
	t.Helper()
	before := h.Snapshot()
	d, err := r.Check(t.Context(), h)
	if err == nil {
		err = r.Apply(t.Context(), h, d)
	}
	if err == nil {
		t.Fatalf("neither check nor apply refused; the changes: %+v", d.Changes)
	}
	if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
		t.Fatalf("refused with %q, but the node was changed:\n%s", err, diff)
	}
	return err
}

// Kinds lists the kinds of the changes in o, in order.
func (o Outcome) Kinds() []host.OpKind {
	kinds := make([]host.OpKind, len(o.Ops))
	for i, op := range o.Ops {
		kinds[i] = op.Kind
	}
	return kinds
}

// recorder keeps what it is told of.
type recorder struct {
	mu  sync.Mutex // of a tree, several files are changed at a time
	ops []host.Op
}

func (r *recorder) Before(_ context.Context, _ host.View, op host.Op) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
	return nil
}

// touched lists the names that differ between two sets of stamps.
func touched(before, after map[string]string) []string {
	var names []string
	for name, stamp := range after {
		if before[name] != stamp {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// covers says whether op explains that name was touched: it is about name, about a folder that name was in, or about an entry of the
// folder name. Of a command nobody knows what it touches, and enabling a unit makes links among the unit files.
func covers(op host.Op, name string) bool {
	return op.Kind == host.OpRun || op.Kind == host.OpUnit || op.Name == name || path.Dir(op.Name) == name || op.All && strings.HasPrefix(name, op.Name+"/")
}
