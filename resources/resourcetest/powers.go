package resourcetest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// NeedsRoot skips t unless it runs as root; because says why nobody else can.
func NeedsRoot(t testing.TB, because string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skipf("needs root; left out: %s, as %s", t.Name(), because)
	}
}

// Changes are the changes that Check found, "attr: from -> to", a line each.
func (o Outcome) Changes() string {
	lines := make([]string, len(o.Diff.Changes))
	for i, c := range o.Diff.Changes {
		lines[i] = fmt.Sprintf("%s: %s -> %s", c.Attr, c.From, c.To)
	}
	return strings.Join(lines, "\n")
}

// Writes has r converge and fails t unless these were the changes and the file has that content then.
func Writes(t testing.TB, h *hosttest.Host, r resources.Resource, file, content, changes string) {
	t.Helper()
	o := Converges(t, h, r)
	if diff := cmp.Diff(content, h.Content(file)); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
	if diff := cmp.Diff(changes, o.Changes()); diff != "" {
		t.Error(diff)
	}
}

// Runs has r converge and fails t unless these were the changes, made by these commands.
func Runs(t testing.TB, h *hosttest.Host, r resources.Resource, commands []string, changes string) {
	t.Helper()
	o := Converges(t, h, r)
	if diff := cmp.Diff(commands, h.Changes()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(changes, o.Changes()); diff != "" {
		t.Error(diff)
	}
}

// Invalid fails t unless r is refused before any node is seen, with an error that has want in it. The error is returned.
func Invalid(t testing.TB, r resources.Validator, want string) error {
	t.Helper()
	err := r.Validate()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("want %q, got %v", want, err)
	}
	return err
}

// Undoes checks r, lets it converge and has other resources of the type, whose title is not the name, restore what was before, what was after, and what
// was before again. It fails t unless each of these is told from the other and known again.
func Undoes(t testing.TB, h *hosttest.Host, typ resources.Type, r resources.Resource) {
	t.Helper()
	before, err := r.(resources.Restorer).Before(t.Context(), h, Check(t, h, r))
	if err != nil {
		t.Fatalf("before: %v", err)
	}
	o := Converges(t, h, r)
	now := func() string { return now(t, h, typ, before) }
	after := now()
	if o.Diff.Empty() != (after == string(before)) {
		t.Fatalf("the changes are\n%s\nit was\n%s\nand is\n%s", o.Changes(), before, after)
	}
	for _, step := range []struct{ name, to string }{{"undo", string(before)}, {"undo of the undo", after}, {"undo of that", string(before)}} {
		if err := typ.New("another title").(resources.Restorer).Restore(t.Context(), h, json.RawMessage(step.to)); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.to, now()); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}

// Notices has r converge, and byHand change the node after it. It fails t unless an undo can tell that what is there is neither what was before
// nor what r made.
func Notices(t testing.TB, h *hosttest.Host, typ resources.Type, r resources.Resource, byHand func()) {
	t.Helper()
	before, err := r.(resources.Restorer).Before(t.Context(), h, Check(t, h, r))
	if err != nil {
		t.Fatalf("before: %v", err)
	}
	Converges(t, h, r)
	after := now(t, h, typ, before)
	if again := now(t, h, typ, before); again != after {
		t.Errorf("nothing has changed, and it was\n%s\nand is\n%s", after, again)
	}
	byHand()
	if is := now(t, h, typ, before); is == after || is == string(before) {
		t.Errorf("changed by hand it is still\n%s", is)
	}
}

// now is what another resource of the type reads of what was kept before.
func now(t testing.TB, h *hosttest.Host, typ resources.Type, before json.RawMessage) string {
	t.Helper()
	is, err := typ.New("another title").(resources.Restorer).Now(t.Context(), h, before)
	if err != nil {
		t.Fatalf("now: %v", err)
	}
	return string(is)
}

// Inspects fails t unless the resource of that title, filled with what the node has, finds nothing to change. It is returned.
func Inspects(t testing.TB, h *hosttest.Host, typ resources.Type, title string) resources.Resource {
	t.Helper()
	r := typ.New(title)
	if err := r.(resources.Inspector).Inspect(t.Context(), h); err != nil {
		t.Fatalf("%s: inspect: %v", title, err)
	}
	if o := Converges(t, h, r); !o.Diff.Empty() {
		t.Errorf("%s: differs from itself:\n%s", title, o.Changes())
	}
	return r
}

// Lists fails t unless these are the titles of the resources of the type that match of.
func Lists(t testing.TB, h *hosttest.Host, typ resources.Type, of string, want ...string) {
	t.Helper()
	got, err := typ.New("").(resources.Lister).List(t.Context(), h, of)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s: %v\n%s", of, err, diff)
	}
}
