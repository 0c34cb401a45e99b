package visit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/attempt"
	"github.com/nodeapply/apply/engine/internal/redact"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// scene is a node with one resource, and what happens in its visit, in order.
type scene struct {
	is    bool // as declared
	words string
	dead  chan struct{} // closed when what hangs goes on

	mu  sync.Mutex
	log []string
}

func (s *scene) has(word string) bool { return slices.Contains(strings.Fields(s.words), word) }

func (s *scene) did(what string) error {
	s.mu.Lock()
	s.log = append(s.log, what)
	s.mu.Unlock()
	if s.has("hang-" + what) {
		<-s.dead
	}
	if s.has("no-" + what) {
		return errors.New("cannot " + what)
	}
	return nil
}

// folder is a resource that makes a folder through the host.
type folder struct{ *scene }

func (f folder) Check(context.Context, host.View) (resources.Diff, error) {
	var d resources.Diff
	if !f.is {
		d.Compare("ensure", "absent", "directory")
	}
	return d, f.did("check")
}

func (f folder) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	if err := h.Mkdir(ctx, "/srv", host.Meta{}); err != nil {
		return err
	}
	f.is = !f.has("flaps")
	return f.did("apply")
}

// daemon is one that can be refreshed, and put back.
type daemon struct{ folder }

func (d daemon) Refreshable(_ context.Context, _ host.View, applied resources.Diff) (bool, string, error) {
	err := d.did("ask")
	if !applied.Empty() || d.has("stopped") {
		return false, "not running", err
	}
	return true, "", err
}
func (d daemon) Refresh(context.Context, host.Host) error { return d.did("refresh") }
func (d daemon) Before(context.Context, host.View, resources.Diff) (json.RawMessage, error) {
	return nil, d.did("before")
}
func (daemon) Restore(context.Context, host.Host, json.RawMessage) error { panic("no undo here") }
func (daemon) Now(context.Context, host.View, json.RawMessage) (json.RawMessage, error) {
	panic("no undo here")
}

// command is one that is asked whether it is wanted.
type command struct{ folder }

func (c command) Wanted(context.Context, host.View, bool) (bool, string, error) {
	return !c.has("created") || !c.is, "creates", nil
}
func (c command) Repeats() bool { return c.has("repeats") }

// Apply tells of itself.
func (c command) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	resources.Tell(ctx, "sleeping with secret")
	resources.Log(ctx).With("of", "test").Info("said")
	return c.folder.Apply(ctx, h, d)
}

// hook is a command that can be refreshed.
type hook struct{ command }

func (h hook) Refreshable(context.Context, host.View, resources.Diff) (bool, string, error) {
	return true, "", h.did("ask")
}
func (h hook) Refresh(context.Context, host.Host) error { return h.did("refresh") }

type node struct {
	host.Host
	*scene
}

func (n node) Mkdir(context.Context, string, host.Meta) error { return n.did("made") }
func (n node) Query(_ context.Context, c host.Cmd) (host.Output, error) {
	return host.Output{ExitCode: strings.Index("yes no", c.Args[2])}, n.did("guard")
}

// Begin and the others are those of a Recorder.
func (s *scene) Begin(_ context.Context, _ resources.Address, d resources.Diff, owes []resources.Address, _ json.RawMessage) error {
	return s.did(fmt.Sprintf("begin%d%v", len(d.Changes), owes))
}
func (s *scene) Op(_ context.Context, _ resources.Address, _ host.View, op host.Op) error {
	return s.did(string(op.Kind))
}
func (s *scene) Divided(context.Context, resources.Address, []resources.Address) error { return nil }
func (s *scene) Settled(context.Context, resources.Address) error                      { return s.did("settled") }
func (s *scene) Ended(_ context.Context, _ resources.Address, _ host.View, spared ...resources.Address) error {
	if len(spared) > 0 {
		return s.did(fmt.Sprintf("spared%v", spared))
	}
	return s.did("ended")
}

func address(title string) resources.Address { return resources.Address{Type: "t", Title: title} }

// visit settles the first of three resources, which notifies the second, and is itself notified where the words say so.
func visit(t *testing.T, s *scene, stopper *stop.Stopper) *Visit {
	t.Helper()
	e := &catalog.Entry{Addr: address("a"), Resource: resources.Resource(folder{s}), Options: catalog.Options{Noop: s.has("noop")}}
	if s.has("daemon") {
		e.Resource = daemon{folder{s}}
	}
	if s.has("command") {
		e.Resource = command{folder{s}}
	}
	if s.has("hook") {
		e.Resource = hook{command{folder{s}}}
	}
	for _, answer := range []string{"yes", "no"} {
		if s.has("unless-" + answer) {
			e.Unless = append(e.Unless, answer)
		}
	}
	entries := []*catalog.Entry{e, {Addr: address("b"), Resource: folder{&scene{}}}, {Addr: address("c"), Resource: folder{&scene{}}}}
	rels := []catalog.Relation{{From: address("a"), To: address("b"), Kind: catalog.Notify}, {From: address("a"), To: address("c")}}
	w := newWalk(t, s, stopper, entries, rels)
	defer w.Hands.Rest()
	vis := newVisit(w, 0, e)
	vis.Settle(t.Context())
	return vis
}

func newVisit(w *Walk, v int, e *catalog.Entry) *Visit {
	s := w.View.(node).scene
	vis := &Visit{Walk: w, Vertex: v, Entry: e, After: s.has("after"), Result: &report.Result{Reversible: true}}
	if s.has("notified") {
		vis.Notifiers = []resources.Address{address("z")}
	}
	return vis
}

// newWalk is what visits need on the node of s.
func newWalk(t *testing.T, s *scene, stopper *stop.Stopper, entries []*catalog.Entry, rels []catalog.Relation) *Walk {
	t.Helper()
	c, problems := catalog.New(entries, rels, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	same := func(s string) string { return s }
	w := &Walk{
		Catalog: c, View: node{scene: s}, Running: func(resources.Address, string) {}, Redact: redact.Redactor{Text: same, Output: same},
		Log: slog.New(slog.DiscardHandler), Timeout: time.Minute, Stop: stopper, Hands: attempt.NewHands(1),
		Drifted: func(resources.Address) bool { return true }, Strict: s.has("strict"),
	}
	if !s.has("predict") {
		w.Host, w.Recorder = node{scene: s}, s
	}
	return w
}

// TestSettle says of each outcome what was done for it, in order: nothing is changed before it is recorded, and what was owed is struck out last.
func TestSettle(t *testing.T) {
	for _, tc := range []struct{ name, words, want, log string }{
		{"changed", "", "changed changed drift", "check begin1[t.b] mkdir made apply check ended"},
		{"as declared", "there", "unchanged", "check"},
		{"predicted", "predict", "pending changed drift", "check"},
		{"noop", "noop", "pending drift", "check ended"},
		{"not wanted", "unless-yes", "unchanged: unless succeeded", "guard"},
		{"not wanted, and notified", "unless-yes notified", "unchanged: unless succeeded", "guard settled"},
		{"wanted", "unless-no", "changed changed drift", "guard check begin1[t.b] mkdir made apply check ended"},
		{"the check fails", "no-check", "failed: cannot check", "check spared[t.b]"},
		{"in a prediction", "predict no-check", "failed: cannot check", "check"},
		{"in a prediction, after what may bring what is missing", "predict after no-check", "pending: cannot check changed drift", "check"},
		{"it cannot be recorded", "no-begin1[t.b]", "failed: cannot begin1[t.b]", "check begin1[t.b] spared[t.b]"},
		{"the pre-image cannot be kept", "no-mkdir", "failed: cannot mkdir", "check begin1[t.b] mkdir spared[t.b]"},
		{"the change fails", "no-apply", "failed: cannot apply", "check begin1[t.b] mkdir made apply spared[t.b]"},
		{"it does not last", "flaps", `failed: still differs after apply: ensure is "absent", want "directory"`, "check begin1[t.b] mkdir made apply check spared[t.b]"},
		{"how it is left cannot be told", "no-ended", "changed: cannot ended changed drift", "check begin1[t.b] mkdir made apply check ended"},
		{"notified, and cannot be refreshed", "there notified", "unchanged", "check settled"},
		{"refreshed", "daemon there notified", "refreshed changed", "check ask begin0[t.b] refresh settled ended"},
		{"a refresh is predicted", "predict daemon there notified", "pending changed", "check ask"},
		{"one that does nothing", "predict daemon there notified stopped", "unchanged: not refreshed: not running", "check ask"},
		{"a refresh that does nothing", "daemon there notified stopped", "unchanged: not refreshed: not running", "check ask settled"},
		{"a refresh that fails stays owed", "daemon there notified no-refresh", "failed: refresh: cannot refresh", "check ask begin0[t.b] refresh spared[t.b]"},
		{"changed, which is its refresh", "daemon notified", "changed: not refreshed: not running changed drift",
			"check before begin1[t.b] mkdir made apply check ask settled ended"},
		{"changed, and it cannot be asked whether to refresh", "daemon notified no-ask", "failed: refresh: cannot ask",
			"check before begin1[t.b] mkdir made apply check ask spared[t.b]"},
		{"a command that is no longer wanted", "command created", "changed changed drift", "check begin1[t.b] mkdir made apply check ended"},
		{"one that still is", "command unless-no", "changed: not idempotent: its guards still ask for it after it ran changed drift",
			"guard check begin1[t.b] mkdir made apply check guard ended"},
		{"strictly", "command unless-no strict", "failed: not idempotent: its guards still ask for it after it ran", "guard check begin1[t.b] mkdir made apply check guard spared[t.b]"},
		{"one that runs every time", "command repeats", "changed changed", "check begin1[t.b] mkdir made apply check ended"},
		{"it may leave what an undo does not find", "command predict after no-check", "pending: cannot check changed drift irreversible", "check"},
		{"planned", "command repeats predict", "pending: runs every time: nothing says when it is no longer needed (creates, unless, onlyif, refreshonly) changed", "check"},
		{"refreshed, of which an undo finds nothing", "hook there notified", "refreshed changed irreversible", "check ask begin1[t.b] refresh settled ended"},
		{"and predicted", "predict hook there notified", "pending changed irreversible", "check ask"},
		{"what is there before cannot be read", "daemon no-before", "failed: cannot before", "check before spared[t.b]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &scene{words: tc.words}
			s.is = s.has("there")
			vis := visit(t, s, &stop.Stopper{})
			res := vis.Result
			got := string(res.Outcome)
			for _, why := range append(res.Warnings, res.Reason) {
				if why != "" {
					got += ": " + why
				}
			}
			if res.Error != nil {
				got += ": " + res.Error.Summary
			}
			if vis.Changed {
				got += " changed"
			}
			if res.Drift {
				got += " drift"
			}
			if !res.Reversible {
				got += " irreversible"
			}
			if diff := cmp.Diff([]string{tc.want, tc.log}, []string{got, strings.Join(s.log, " ")}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNothingNewStarts: what is to stop before a change or a refresh has begun leaves it.
func TestNothingNewStarts(t *testing.T) {
	for words, log := range map[string]string{"": "check begin1[t.b] spared[t.b]", "daemon there notified": "check ask begin0[t.b] spared[t.b]"} {
		t.Run(words, func(t *testing.T) {
			s := &scene{words: words}
			s.is = s.has("there")
			stopper := &stop.Stopper{}
			stopper.Failed("t.z")
			vis := visit(t, s, stopper)
			if diff := cmp.Diff([]string{"skipped", "fail-fast", "t.z"}, []string{string(vis.Result.Outcome), vis.Result.Reason, vis.Result.Because}); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(log, strings.Join(s.log, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWhatHasBegunEnds: a change that an interrupt comes in is checked again, and the refresh that it needs is made.
func TestWhatHasBegunEnds(t *testing.T) {
	interrupt := make(chan struct{})
	s := &scene{words: "daemon notified"}
	e := &catalog.Entry{Addr: address("a"), Resource: &reloaded{daemon{folder{s}}, interrupt}}
	w := newWalk(t, s, &stop.Stopper{Interrupt: interrupt}, []*catalog.Entry{e}, nil)
	defer w.Hands.Rest()
	vis := newVisit(w, 0, e)
	vis.Settle(t.Context())
	if vis.Result.Outcome != report.Changed || !vis.Result.Refreshed {
		t.Errorf("got %s, refreshed: %v", vis.Result.Outcome, vis.Result.Refreshed)
	}
	if diff := cmp.Diff("check before begin1[] mkdir made apply check begin0[] refresh settled ended", strings.Join(s.log, " ")); diff != "" {
		t.Error(diff)
	}
}

// reloaded is one that needs a refresh after a change of its own too, in which the run is interrupted.
type reloaded struct {
	daemon
	interrupt chan struct{}
}

func (r *reloaded) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	defer close(r.interrupt)
	return r.daemon.Apply(ctx, h, d)
}

func (r *reloaded) Refreshable(context.Context, host.View, resources.Diff) (bool, string, error) {
	return true, "", nil
}
