package limit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/view"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/limit"
)

// link is an exchange in which somebody else is inside.
type link struct {
	shared bool
	held   *exchange.Held
	err    error
	asked  string
}

func (l *link) Shared() bool { return l.shared }

func (l *link) Enter(_ context.Context, name string, most int, group string, progress func([]view.Place)) (*exchange.Held, error) {
	l.asked = strings.Join([]string{name, string(rune('0' + most)), group}, " ")
	progress([]view.Place{{Node: "n2", Doing: "applying exec.a"}})
	return l.held, l.err
}

func TestEnter(t *testing.T) {
	var told []string
	ctx := resources.WithTell(t.Context(), func(what string) { told = append(told, what) })
	for _, tc := range []struct {
		name   string
		link   *link
		placed bool
	}{
		{"a place", &link{held: &exchange.Held{Fence: 7}}, true},
		{"another group's", &link{}, false},
		{"none", &link{err: errors.New("no place")}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told = nil
			l := limit.Type(tc.link).New("one").(*limit.Limit)
			l.Max, l.Group = 2, "g"
			place, err := l.Enter(ctx)
			if !errors.Is(err, tc.link.err) || (place != nil) != tc.placed {
				t.Errorf("got %v, %v", place, err)
			}
			if tc.placed && place.Number() != 7 {
				t.Errorf("number %d", place.Number())
			}
			if tc.link.asked != "one 2 g" || len(told) != 1 || told[0] != "waiting for limit.one, inside: n2 (applying exec.a)" {
				t.Errorf("asked %q, told %q", tc.link.asked, told)
			}
		})
	}
}

func TestType(t *testing.T) {
	typ := limit.Type(&link{})
	l := typ.New("one").(*limit.Limit)
	if typ.Timeout != time.Hour || l.Max != 1 {
		t.Errorf("timeout %v, max %d", typ.Timeout, l.Max)
	}
	if diff := cmp.Diff([]resources.Identity{{Kind: "limit", Name: "one"}}, l.Provides()); diff != "" {
		t.Error(diff)
	}
}

func TestNothingToChange(t *testing.T) {
	for _, shared := range []bool{true, false} {
		l := limit.Type(&link{shared: shared}).New("one")
		d, err := l.Check(t.Context(), nil)
		if err != nil || !d.Empty() || (len(d.Notes) == 0) != shared {
			t.Errorf("shared %v: got %+v, %v", shared, d, err)
		}
		if err := l.Apply(t.Context(), nil, d); err != nil {
			t.Error(err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, title, group, attr string
		max                      int
	}{
		{"good", "one", "g", "", 1},
		{"name", "One", "", "name", 1},
		{"number", "one", "", "max", 0},
		{"group", "one", "a b", "group", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := limit.Type(&link{}).New(tc.title).(*limit.Limit)
			l.Max, l.Group = tc.max, tc.group
			err := l.Validate()
			var attr *resources.AttrError
			if (err == nil) != (tc.attr == "") || err != nil && (!errors.As(err, &attr) || attr.Attr != tc.attr) {
				t.Errorf("got %v", err)
			}
		})
	}
}
