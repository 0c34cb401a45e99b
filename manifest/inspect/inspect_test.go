package inspect

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// lamp is a type whose state is made up: those that are listed are red, a broken one is none.
type lamp struct {
	Ensure string `hcl:"ensure"`
	Colour string `hcl:"colour"`
	Code   string `hcl:"code,secret"` // which no manifest has
	Title  string
}

func (l *lamp) Check(context.Context, host.View) (resources.Diff, error) {
	return resources.Diff{}, nil
}
func (l *lamp) Apply(context.Context, host.Host, resources.Diff) error { return nil }
func (l *lamp) Inspect(context.Context, host.View) error {
	switch l.Title {
	case "broken":
		return errors.New("it flickers")
	case "none":
		l.Ensure = "absent"
	case "pale":
		l.Colour = "pale"
	default:
		l.Colour, l.Code = "red", "1234"
	}
	return nil
}
func (l *lamp) Validate() error {
	var bad resources.Mistakes
	bad.OneOf("colour", l.Colour, "red", "white")
	return bad.Err()
}
func (l *lamp) List(_ context.Context, _ host.View, of string) ([]string, error) {
	return []string{of + "1", "broken", of + "2", "e\u0301"}, nil
}

type switcher struct{ lamp }

func (switcher) Inspect() {} // no Inspector

type candle struct{ lamp }

func (candle) List() {} // no Lister

func types() []resources.Type {
	return []resources.Type{
		{Name: "lamp", New: func(title string) resources.Resource { return &lamp{Ensure: "on", Colour: "white", Title: title} }},
		{Name: "switch", Stateless: "it is pressed", New: func(title string) resources.Resource { return &switcher{} }},
		{Name: "candle", New: func(title string) resources.Resource { return &candle{} }},
	}
}

func TestAdd(t *testing.T) {
	for name, test := range map[string]struct {
		selections string // separated by ;
		want       string // or the error
		left       string // what was left out
	}{
		"by a dot":       {"lamp.a", "lamp \"a\" {\n  ensure = \"on\"\n  colour = \"red\"\n}\n", ""},
		"by brackets":    {"lamp[a b]", "lamp \"a b\" {\n  ensure = \"on\"\n  colour = \"red\"\n}\n", ""},
		"quoted":         {`lamp["a.b"]`, "lamp \"a.b\" {\n  ensure = \"on\"\n  colour = \"red\"\n}\n", ""},
		"as by default":  {"lamp.none", "lamp \"none\" {\n  ensure = \"absent\"\n}\n", ""},
		"once":           {"lamp.none;lamp[none]", "lamp \"none\" {\n  ensure = \"absent\"\n}\n", ""},
		"a listing":      {"lamp:x", "lamp \"x1\" {\n  ensure = \"on\"\n  colour = \"red\"\n}\n\nlamp \"x2\" {\n  ensure = \"on\"\n  colour = \"red\"\n}\n", "lamp.broken: it flickers; lamp[\"e\u0301\"]: a manifest cannot hold that name"},
		"no such colour": {"lamp.pale", "lamp.pale: colour: want red or white, not \"pale\"", ""},
		"a broken one":   {"lamp.broken", "lamp.broken: it flickers", ""},
		"no title":       {"lamp[]", "lamp[]: want TYPE[TITLE]", ""},
		"an open end":    {"lamp[a", "lamp[a: a bracket is not closed", ""},
		"no such type":   {"lam.a", "lam.a: there is no type \"lam\"; did you mean `lamp`?", ""},
		"without state":  {"switch.a", "switch has no state of its own that could be inspected: it is pressed", ""},
		"without both":   {"switch:*", "switch has no state of its own that could be inspected: it is pressed", ""},
		"without a list": {"candle", "candle: candle cannot list what there is: name one, candle[TITLE]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := New(types())
			var left []string
			m.LeftOut = func(address string, err error) {
				text, _, _ := strings.Cut(err.Error(), ": want")
				left = append(left, address+": "+text)
			}
			h := hosttest.New(t, "")
			for _, s := range strings.Split(test.selections, ";") {
				if err := m.Add(t.Context(), h, s); err != nil {
					if !strings.Contains(err.Error(), test.want) {
						t.Errorf("want %q, got %v", test.want, err)
					}
					return
				}
			}
			var b strings.Builder
			if _, err := m.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.left, strings.Join(left, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// somebody is a user, crowd a group with two members.
type somebody struct {
	lamp
	Groups resources.Strings `hcl:"groups"`
}

func (s *somebody) Inspect(context.Context, host.View) error {
	s.Ensure, s.Colour, s.Groups = "present", "red", resources.Strings{"crowd"}
	return nil
}

type crowd struct {
	lamp
	Members resources.Strings `hcl:"members"`
}

func (c *crowd) Inspect(context.Context, host.View) error {
	c.Ensure, c.Colour, c.Members = "present", "red", resources.Strings{"alice", "bob"}
	return nil
}

// TestMembership: a user comes after its groups, a group after its members; so one of them says it.
func TestMembership(t *testing.T) {
	for selections, want := range map[string]string{
		"group.crowd":                         `["alice", "bob"]`,
		"group.crowd;user.alice":              `["bob"]`,
		"user.alice;user.bob;group.crowd":     "",
		"user.carol;group.crowd":              `["alice", "bob"]`,
		"user.alice;group.crowd;user.bob":     "",
		"group.crowd;user.alice;group[crowd]": `["bob"]`,
	} {
		m := New([]resources.Type{
			{Name: "user", New: func(string) resources.Resource { return &somebody{} }},
			{Name: "group", New: func(string) resources.Resource { return &crowd{} }},
		})
		for s := range strings.SplitSeq(selections, ";") {
			if err := m.Add(t.Context(), hosttest.New(t, ""), s); err != nil {
				t.Fatal(err)
			}
		}
		var b strings.Builder
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(b.String(), "members = ")
		got, _, _ = strings.Cut(got, "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", selections, diff)
		}
	}
}
