package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/record"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// plain is a resource that nothing is to be known of.
type plain struct{}

func (plain) Check(context.Context, host.View) (resources.Diff, error) { panic("not looked at here") }
func (plain) Apply(context.Context, host.Host, resources.Diff) error   { panic("not changed here") }

// unit is one that an undo needs more of than files.
type unit struct{ plain }

var errGone = errors.New("gone")

func (unit) Before(_ context.Context, _ host.View, d resources.Diff) (json.RawMessage, error) {
	if d.Has("gone") {
		return nil, errGone
	}
	return json.RawMessage(`"was"`), nil
}
func (unit) Restore(context.Context, host.Host, json.RawMessage) error { panic("not here") }
func (unit) Now(context.Context, host.View, json.RawMessage) (json.RawMessage, error) {
	panic("not here")
}

// export stands for something beyond the node.
type export struct{ plain }

func (export) Skip(context.Context, host.Host, string) error { panic("not here") }

// log is a recorder that writes down what it is told, and refuses what begins with refuse.
type log struct {
	lines  []string
	refuse string
}

func (l *log) told(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	l.lines = append(l.lines, line)
	if l.refuse != "" && strings.HasPrefix(line, l.refuse) {
		return errors.New("disk full")
	}
	return nil
}

func (l *log) Begin(_ context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error {
	return l.told("begin %s %d %v %s", a, len(d.Changes), owes, before)
}
func (l *log) Op(_ context.Context, a resources.Address, _ host.View, op host.Op) error {
	return l.told("%s %s %s", op.Kind, a, op.Name)
}
func (l *log) Settled(_ context.Context, a resources.Address) error { return l.told("settled %s", a) }
func (l *log) Ended(_ context.Context, a resources.Address, _ host.View, spared ...resources.Address) error {
	return l.told("ended %s %v", a, spared)
}

// of is the record of a resource that notifies t.b.
func of(t *testing.T, r resources.Resource, to record.Recorder) record.Record {
	t.Helper()
	a, b := resources.Address{Type: "t", Title: "a"}, resources.Address{Type: "t", Title: "b"}
	entries := []*catalog.Entry{{Addr: a, Resource: r}, {Addr: b, Resource: plain{}}}
	c, problems := catalog.New(entries, []catalog.Relation{{From: a, To: b, Kind: catalog.Notify}}, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	return record.Record{To: to, Catalog: c, Entry: entries[0], View: hosttest.New(t, ""), Stop: &stop.Stopper{}}
}

func diff(attrs ...string) (d resources.Diff) {
	for _, a := range attrs {
		d.Compare(a, "", "x")
	}
	return d
}

func TestBegin(t *testing.T) {
	for _, tc := range []struct {
		name   string
		r      resources.Resource
		d      resources.Diff
		refuse string
		want   string
		err    string
		begun  bool
		fatal  bool
	}{
		{"a change", plain{}, diff("mode", "owner"), "", "begin t.a 2 [t.b] ", "", true, false},
		{"what an undo needs", unit{}, diff("ensure"), "", `begin t.a 1 [t.b] "was"`, "", true, false},
		{"a refresh", unit{}, diff(), "", "begin t.a 0 [t.b] ", "", true, false},
		{"what an undo needs cannot be read", unit{}, diff("gone"), "", "", "gone", false, false},
		{"beyond the node", export{}, diff("value"), "", "begin t.a 1 [t.b] ; publish t.a a", "", true, false},
		{"it cannot be recorded", plain{}, diff("mode"), "begin", "begin t.a 1 [t.b] ", "disk full", false, true},
		{"nor what is beyond the node", export{}, diff("value"), "begin", "begin t.a 1 [t.b] ", "disk full", false, true},
		{"of what is beyond the node the end", export{}, diff("value"), "publish", "begin t.a 1 [t.b] ; publish t.a a", "disk full", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := &log{refuse: tc.refuse}
			r := of(t, tc.r, l)
			err := r.Begin(t.Context(), tc.d)
			if diff := cmp.Diff(tc.want, strings.Join(l.lines, "; ")); diff != "" {
				t.Error(diff)
			}
			if err == nil != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Errorf("want %q, got %v", tc.err, err)
			}
			if r.Stop.Begun() != tc.begun || (r.Stop.Fatal() != nil) != tc.fatal {
				t.Errorf("begun %v, fatal %v", r.Stop.Begun(), r.Stop.Fatal())
			}
		})
	}
}

// TestHost: each change is recorded first. When nothing new may start none is made, unless the first was.
func TestHost(t *testing.T) {
	over := make(chan struct{})
	close(over)
	for _, tc := range []struct {
		name    string
		may     *stop.Stopper
		between func(*stop.Stopper)
		want    string
	}{
		{"all", nil, nil, "mkdir t.a /x; mkdir t.a /y; made 2"},
		{"as long as it may", &stop.Stopper{}, nil, "mkdir t.a /x; mkdir t.a /y; made 2"},
		{"none may start", &stop.Stopper{Interrupt: over}, nil, "mkdir t.a /x; made 0"},
		{"what has begun is ended", &stop.Stopper{}, func(s *stop.Stopper) { s.Failed("t.z") }, "mkdir t.a /x; mkdir t.a /y; made 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, made := &log{}, 0
			h := of(t, plain{}, l).Host(hosttest.New(t, ""), tc.may)
			for _, name := range []string{"/x", "/y"} {
				if err := h.Mkdir(t.Context(), name, host.Meta{}); err != nil {
					break
				}
				made++
				if tc.between != nil {
					tc.between(tc.may)
				}
			}
			if diff := cmp.Diff(tc.want, fmt.Sprintf("%s; made %d", strings.Join(l.lines, "; "), made)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettledAndEnded(t *testing.T) {
	l := &log{}
	r := of(t, plain{}, l)
	if err := errors.Join(r.Settled(t.Context()), r.Ended(t.Context(), false), r.Ended(t.Context(), true)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"settled t.a", "ended t.a []", "ended t.a [t.b]"}, l.lines); diff != "" {
		t.Error(diff)
	}
}

// TestNobody: without a recorder nothing is told, and nothing asked.
func TestNobody(t *testing.T) {
	r, h := of(t, unit{}, nil), hosttest.New(t, "")
	err := errors.Join(r.Begin(t.Context(), diff("gone")), r.Settled(t.Context()), r.Ended(t.Context(), true))
	if err != nil || r.Host(h, nil) != host.Host(h) || r.Stop.Begun() {
		t.Errorf("%v, begun %v", err, r.Stop.Begun())
	}
}
