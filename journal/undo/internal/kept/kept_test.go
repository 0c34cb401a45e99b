package kept

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// plain is a type that keeps nothing.
type plain struct{}

func (plain) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (plain) Apply(context.Context, host.Host, resources.Diff) error   { return nil }

// dial keeps how it stands, which it says with its title and how long it may take.
type dial struct {
	plain
	title string
}

func (dial) Before(context.Context, host.View, resources.Diff) (json.RawMessage, error) {
	return nil, nil
}
func (d dial) Now(ctx context.Context, _ host.View, before json.RawMessage) (json.RawMessage, error) {
	_, bounded := ctx.Deadline()
	return fmt.Appendf(nil, "%s %s %v", d.title, before, bounded), nil
}
func (dial) Restore(context.Context, host.Host, json.RawMessage) error { return nil }

// user takes its home along.
type user struct{ dial }

func (user) Takes(ctx context.Context, _ host.View, before json.RawMessage) ([]string, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, nil
	}
	return []string{"/home//" + string(before) + "/"}, nil
}

func TestTypes(t *testing.T) {
	types := Types{
		{Name: "file", New: func(string) resources.Resource { return plain{} }},
		{Name: "dial", New: func(title string) resources.Resource { return dial{title: title} }},
		{Name: "user", New: func(title string) resources.Resource { return user{dial{title: title}} }},
	}
	type told struct{ Now, Takes, Err string }
	for typ, want := range map[string]told{
		"unknown": {Err: "unknown type unknown"},
		"file":    {Err: "a file cannot be restored"},
		"dial":    {Now: "a before true"},
		"user":    {Now: "a before true", Takes: "/home/before"},
	} {
		t.Run(typ, func(t *testing.T) {
			a, before := resources.Address{Type: typ, Title: "a"}, json.RawMessage("before")
			var got told
			now, err := types.Now(t.Context(), nil, a, before)
			if err != nil {
				got.Err = err.Error()
			}
			got.Now = string(now)
			takes, err := types.Takes(t.Context(), nil, a, before)
			if err != nil {
				t.Error(err)
			}
			got.Takes = strings.Join(takes, " ")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
