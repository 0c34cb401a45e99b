package fact_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/fact"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// link is an exchange in which one fact, or none, stands.
type link struct {
	stands *record.Fact
	age    time.Duration
	kept   string
	said   []string
	away   error // the exchange cannot be looked at
	full   error // nothing can be published
}

func (l *link) Look(_ context.Context, f func(string, *view.View)) error {
	if l.away != nil {
		return l.away
	}
	v := view.New("default")
	v.SetNode("node01", &record.Node{Boot: "boot2"})
	if l.stands != nil {
		b, err := json.Marshal(l.stands)
		if err != nil {
			return err
		}
		key := name.Key{Kind: name.KindFact, Deployment: "default", Node: "node01", Name: "up"}
		v.Update(store.Update{Changes: []store.Event{{Entry: store.Entry{Key: key.String(), Value: b, Revision: 1, Time: now.Add(-l.age)}}}})
		v.Now = now
	}
	f("node01", v)
	return nil
}

func (l *link) Kept(string) json.RawMessage {
	if l.kept == "" {
		return nil
	}
	return json.RawMessage(l.kept)
}

func (l *link) Publish(ctx context.Context, f string, value json.RawMessage, ttl time.Duration) error {
	for range 2 { // it tries again
		if l.full != nil {
			store.TellAway(ctx, l.full)
		}
	}
	l.said = append(l.said, "publish "+f+" "+string(value)+" "+ttl.String())
	return l.full
}

func (l *link) Withdraw(_ context.Context, f string) error {
	l.said = append(l.said, "withdraw "+f)
	return nil
}

func (l *link) Fail(_ context.Context, f, reason string) error {
	l.said = append(l.said, "fail "+f+" "+reason)
	return nil
}

func TestConverges(t *testing.T) {
	ok := func(value string) *record.Fact {
		return &record.Fact{Status: record.OK, Value: json.RawMessage(value), Boot: "boot2"}
	}
	away := errors.New("exchange: connection refused")
	for _, c := range []struct {
		name   string
		link   link
		ensure string
		ttl    time.Duration
		want   []string // changed attributes
		said   []string
	}{
		{name: "another value is kept", link: link{stands: ok("true"), kept: "false"}, want: []string{"value"}, said: []string{"publish up true 0s"}},
		{name: "another ttl", ttl: time.Minute, link: link{stands: &record.Fact{Status: record.OK, Value: []byte("true"), TTL: time.Hour}, kept: "true"}, want: []string{"ttl"}, said: []string{"publish up true 1m0s"}},
		{name: "the exchange is away", link: link{away: away, kept: "true"}, want: []string{"ensure", "value"}, said: []string{"publish up true 0s"}},
		{name: "absent, kept alone", ensure: "absent", link: link{kept: "true"}, want: []string{"ensure"}, said: []string{"withdraw up"}},
		{name: "absent, failed before", ensure: "absent", link: link{stands: &record.Fact{Status: record.Failed}}},
		{name: "absent, the exchange is away", ensure: "absent", link: link{away: away}, want: []string{"ensure"}, said: []string{"withdraw up"}},
		{name: "not there", want: []string{"ensure", "value"}, said: []string{"publish up true 0s"}},
		{name: "there", link: link{stands: ok("true"), kept: "true"}},
		{name: "another value", link: link{stands: ok("false"), kept: "true"}, want: []string{"value"}, said: []string{"publish up true 0s"}},
		{name: "not kept", link: link{stands: ok("true")}, want: []string{"value"}, said: []string{"publish up true 0s"}},
		{name: "failed before", link: link{stands: &record.Fact{Status: record.Failed}}, want: []string{"ensure", "value"}, said: []string{"publish up true 0s"}},
		{name: "of an earlier boot", link: link{stands: &record.Fact{Status: record.OK, Value: []byte("true"), Boot: "boot1"}, kept: "true"}, want: []string{"value"}, said: []string{"publish up true 0s"}},
		{name: "with a ttl, young", ttl: time.Minute, link: link{stands: &record.Fact{Status: record.OK, Value: []byte("true"), TTL: time.Minute}, age: 20 * time.Second, kept: "true"}},
		{name: "with a ttl, old", ttl: time.Minute, link: link{stands: &record.Fact{Status: record.OK, Value: []byte("true"), TTL: time.Minute}, age: 40 * time.Second, kept: "true"}, want: []string{"ttl"}, said: []string{"publish up true 1m0s"}},
		{name: "absent, there", ensure: "absent", link: link{stands: ok("true"), kept: "true"}, want: []string{"ensure"}, said: []string{"withdraw up"}},
		{name: "absent, not there", ensure: "absent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fact.Type(&c.link).New("up").(*fact.Fact)
			f.Value, f.TTL = true, resources.Duration(c.ttl)
			if c.ensure != "" {
				f.Ensure, f.Value = c.ensure, nil
			}
			if err := f.Validate(); err != nil {
				t.Fatal(err)
			}
			d, err := f.Check(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if told := len(d.Notes) == 1 && strings.Contains(d.Notes[0], away.Error()); told != (c.link.away != nil) {
				t.Errorf("notes: %q", d.Notes)
			}
			var attrs []string
			for _, x := range d.Changes {
				attrs = append(attrs, x.Attr)
			}
			if diff := cmp.Diff(c.want, attrs); diff != "" {
				t.Fatal(diff)
			}
			if d.Empty() {
				return
			}
			lent := waiter(0)
			if err := f.Apply(waiting.With(t.Context(), &lent), nil, d); err != nil || lent != 1 {
				t.Fatalf("want its place lent once, got %d, %v", lent, err)
			}
			if diff := cmp.Diff(c.said, c.link.said); diff != "" {
				t.Error(diff)
			}
			if d, err := f.Check(t.Context(), nil); err != nil || !d.Empty() {
				t.Errorf("after apply: %v %v", d, err)
			}
		})
	}
}

// waiter counts how often a place was lent.
type waiter int

func (w *waiter) Wait(wait func()) { *w++; wait() }

func (*waiter) Quiet() <-chan struct{} { return nil }

func (*waiter) Helper() (func(), bool) { return nil, false }

func TestStillDiffersWhenItWasNotPublished(t *testing.T) {
	f := fact.Type(&link{full: errors.New("no space left on device")}).New("up").(*fact.Fact)
	f.Value = true
	d, err := f.Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	ctx := resources.WithTell(t.Context(), func(what string) { told = append(told, what) })
	if err := f.Apply(ctx, nil, d); err == nil {
		t.Error("want an error")
	}
	if diff := cmp.Diff([]string{"waiting for the exchange: no space left on device"}, told); diff != "" {
		t.Error(diff)
	}
	if again, err := f.Check(t.Context(), nil); err != nil || again.Empty() {
		t.Errorf("after a failed apply: %v, %v", again, err)
	}
}

func TestUndo(t *testing.T) {
	for _, c := range []struct {
		name, want string
		link       link
	}{
		{"nothing was exported", "withdraw up", link{}},
		{"another value was", "publish up false 1m0s", link{kept: "false", stands: &record.Fact{Status: record.OK, Value: []byte("false"), TTL: time.Minute}}},
		{"the exchange is away", "publish up false 2m0s", link{kept: "false", away: errors.New("away")}}, // as it is declared now
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fact.Type(&c.link).New("up").(*fact.Fact)
			f.Value, f.TTL = true, resources.Duration(2*time.Minute)
			before, err := f.Before(t.Context(), nil, resources.Diff{})
			if err != nil {
				t.Fatal(err)
			}
			// What is declared since may have another title.
			if err := fact.Type(&c.link).New("other").(*fact.Fact).Restore(t.Context(), nil, before); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.want}, c.link.said); diff != "" {
				t.Error(diff)
			}
		})
	}
	var l link
	for _, broken := range []string{`{"name": "../up", "value": true}`, `{"name": "up", "value": "` + strings.Repeat("x", 70<<10) + `"}`, "{"} {
		if err := fact.Type(&l).New("up").(*fact.Fact).Restore(t.Context(), nil, []byte(broken)); err == nil || len(l.said) > 0 {
			t.Errorf("%.30s: %v, %q", broken, err, l.said)
		}
	}
}

func TestIdentities(t *testing.T) {
	f := fact.Type(&link{}).New("up").(*fact.Fact)
	if diff := cmp.Diff([]resources.Identity{{Kind: "fact", Name: "up"}}, f.Provides()); diff != "" {
		t.Error(diff)
	}
}

func TestSkipped(t *testing.T) {
	l := &link{}
	f := fact.Type(l).New("up").(*fact.Fact)
	if err := f.Skip(t.Context(), nil, "exec.mkfs"); err != nil {
		t.Fatal(err)
	}
	f.Ensure = "absent" // and is not expected
	if err := f.Skip(t.Context(), nil, "exec.mkfs"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"fail up exec.mkfs"}, l.said); diff != "" {
		t.Error(diff)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, title string
		value       any
		ensure      string
		ttl         time.Duration
		want        string
	}{
		{"no value", "up", nil, "present", 0, "value: must be set"},
		{"large", "up", strings.Repeat("x", 70<<10), "present", 0, "at most 65536"},
		{"name", "../up", true, "present", 0, "name: "},
		{"ensure", "up", true, "gone", 0, `want present or absent, not "gone"`},
		{"ttl", "up", true, "present", time.Millisecond, "ttl: 1ms is too short: want a second or more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fact.Type(&link{}).New(c.title).(*fact.Fact)
			f.Value, f.Ensure, f.TTL = c.value, c.ensure, resources.Duration(c.ttl)
			if err := f.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

// What is exported now is told from what was; without the exchange it is not known.
func TestNow(t *testing.T) {
	fresh := func(l *link) *fact.Fact { return fact.Type(l).New("other").(*fact.Fact) }
	l := link{kept: "false", stands: &record.Fact{Status: record.OK, Value: []byte("false"), TTL: time.Minute}}
	f := fact.Type(&l).New("up").(*fact.Fact)
	f.Value = true
	before, err := f.Before(t.Context(), nil, resources.Diff{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ kept, want string }{
		{"false", string(before)}, {"7", `{"name":"up","value":7,"ttl":60000000000}`}, {"", `{"name":"up"}`},
	} {
		l.kept, l.age = tt.kept, 50*time.Second
		now, err := fresh(&l).Now(t.Context(), nil, before)
		if diff := cmp.Diff(tt.want, string(now)); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	l.kept, l.away = "7", errors.New("away")
	if now, err := fresh(&l).Now(t.Context(), nil, before); !errors.Is(err, l.away) {
		t.Errorf("got %s, %v", now, err)
	}
}
